"""Beginning a network with weights that are there already: anybody's trained network, from a file."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ..data import Splits
from ..deploy import load
from ..deploy.container import KEY, Header, read
from ..errors import ModelError
from ..files import one_line
from ..models import build, check_logits
from ..values import value
from .stage import GatesRole, Task, Work


@value
class Load(Task):
    """Begin with weights from a file: a bundle, `.safetensors`, or a state dict that torch saved.

    No code of the file is run: a bundle of a person's own network is built by the recipe's `model`, which must be the
    function that the bundle names.
    """

    kind: Literal["load"] = "load"
    weights: str
    """The file. Its content, and not its name, decides the address of what is made from it."""

    @property
    def begins(self) -> bool:
        """It begins a network, and does nothing to one that is there."""
        return True

    @property
    def architecture(self) -> Mapping[str, Any] | None:
        """That of a bundle, which knows its own; None where the recipe's `model` says what the weights belong to."""
        return _built_in(self.weights)

    @property
    def gates(self) -> GatesRole | None:
        """A bundle may hold a network with gates."""
        header = _header(self.weights)
        gated = header is not None and any(form.kind == "gate" for form in header.layers.values())
        return "inserts" if gated else None

    def spelling(self) -> Any:
        """What the file holds."""
        return {"kind": self.kind, "weights": hashlib.sha256(_content(self.weights)).hexdigest()}

    def check(self, splits: Splits) -> None:
        """Raises ModelError where there is no such file, or it cannot be read as weights."""
        _read(self.weights)

    def label(self) -> str:
        """The name of the file."""
        return f"load {Path(self.weights).name}"

    def run(self, work: Work) -> None:
        """Build the network, and give it the weights of the file.

        Raises:
            ModelError: the weights do not fit; names the first that differs.
            BundleError: a bundle that is damaged, or that another function builds than the recipe's `model`.
        """
        splits = work.splits
        if _header(self.weights) is not None:
            bundle = load(self.weights, factory=str(work.stage.model.get("kind")))
            check_logits(bundle.model, num_classes=splits.num_classes, shape=splits.shape, name=self.weights)
            work.keep(bundle.model, bundle.masks, bundle.about)
            return
        with torch.random.fork_rng(devices=[]):  # builders draw first weights
            model = build(work.stage.model, num_classes=splits.num_classes, shape=splits.shape)
        state = _read(self.weights)
        _refuse_misfits(self.weights, state, model.state_dict())
        model.load_state_dict(dict(state))
        check_logits(model, num_classes=splits.num_classes, shape=splits.shape, name=self.weights)
        work.keep(model, None, {})


def _header(file: str) -> Header | None:
    """What a bundle says about itself; None of other files.

    Raises:
        BundleError: it is a bundle, and damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            ours = KEY in (opened.metadata() or {})
    except (SafetensorError, OSError):
        return None
    return read(Path(file))[0] if ours else None


def _built_in(file: str) -> Mapping[str, Any] | None:
    header = _header(file)
    return None if header is None or ":" in str(header.architecture.get("kind")) else header.architecture


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as problem:
        raise ModelError(f"{file}: the weights cannot be read ({problem.strerror or problem})") from None


def _read(file: str) -> Mapping[str, Tensor]:
    """The tensors of a file by name."""
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    content = _content(file)
    try:
        if file.endswith(".safetensors"):
            found: object = from_bytes(content)
        else:
            found = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, ValueError, KeyError, EOFError, OSError) as problem:
        raise ModelError(f"{file}: holds no weights that can be read ({one_line(problem)})") from None
    except Exception as problem:  # torch raises pickle's own error for what it refuses, which has no other parent
        raise ModelError(f"{file}: is no plain state dict ({one_line(problem)}); save model.state_dict()") from None
    if not isinstance(found, dict) or not found or not all(isinstance(held, Tensor) for held in found.values()):
        raise ModelError(f"{file}: is no state dict; save model.state_dict(), a tensor for each name")
    return found


def _refuse_misfits(file: str, state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    for name, tensor in wanted.items():
        if name not in state:
            raise ModelError(f"{file}: '{name}' of the network is not in it; give the file of this network")
        if state[name].shape != tensor.shape:
            sizes = f"{tuple(state[name].shape)}, the network wants {tuple(tensor.shape)}"
            raise ModelError(f"{file}: '{name}' has shape {sizes}; give the options that it was built with")
    for name in state:
        if name not in wanted:
            raise ModelError(f"{file}: '{name}' is not part of the network; give the network that it was saved from")
