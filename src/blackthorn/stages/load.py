"""Networks that begin with weights which are there already: from a file, from a factory, or from a person's program."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ..data import Splits
from ..deploy import load
from ..deploy.bundle import PLAIN
from ..deploy.container import Header, header_of
from ..deploy.weights import content_of, fitted, read_weights
from ..models import check_logits, copied
from ..models.identity import identity
from .stage import GatesRole, Task, Work


@dataclass(frozen=True)
class Load(Task):
    """Begin with weights from a file: a bundle, `.safetensors`, or a state dict that torch saved.

    No code of the file is run: a bundle of a person's own network is built by the recipe's `model`, which must be the
    function that the bundle names.
    """

    weights: str
    """The file. Its content, and not its name, decides the address of what is made from it."""

    @property
    def kind(self) -> str:
        """As every task."""
        return "load"

    @property
    def architecture(self) -> Mapping[str, Any] | None:
        """That of a bundle, which knows its own; None where the recipe's `model` says what the weights belong to."""
        header = header_of(self.weights)
        return None if header is None or not knows_itself(header) else header.architecture

    @property
    def gates(self) -> GatesRole | None:
        """A bundle may hold a network with gates."""
        header = header_of(self.weights)
        gated = header is not None and any(form.kind == "gate" for form in header.layers.values())
        return "inserts" if gated else None

    def spelling(self) -> Any:
        """What the file holds."""
        return {"kind": self.kind, "weights": hashlib.sha256(content_of(self.weights)).hexdigest()}

    def check(self, splits: Splits) -> None:
        """Raises ModelError where there is no such file, or it cannot be read as weights."""
        read_weights(self.weights)

    def check_fits(self, model: nn.Module) -> None:
        """Refuse weights that are not those of the recipe's network, before anything is trained.

        Raises:
            ModelError: names the first that differs, and what the network has there.
        """
        if header_of(self.weights) is None:
            fitted(self.weights, read_weights(self.weights), model.state_dict())

    def label(self) -> str:
        """The name of the file."""
        return f"load {Path(self.weights).name}"

    def run(self, work: Work) -> None:
        """Build the network, and give it the weights of the file.

        Raises:
            ModelError: the weights do not fit; names the first that differs.
            BundleError: a bundle that is damaged, or that another function builds than the recipe's `model`.
        """
        splits, header = work.splits, header_of(self.weights)
        if header is not None:
            into = None if header.architecture.get("kind") != PLAIN else work.stage.built(splits)
            bundle = load(self.weights, factory=str(work.stage.model.get("kind")), into=into)
            check_logits(bundle.model, num_classes=splits.num_classes, shape=splits.shape, name=self.weights)
            work.keep(bundle.model, bundle.masks, bundle.about)
            return
        model = work.stage.built(splits)
        model.load_state_dict(fitted(self.weights, read_weights(self.weights), model.state_dict()))
        check_logits(model, num_classes=splits.num_classes, shape=splits.shape, name=self.weights)
        work.keep(model, None, {})


@dataclass(frozen=True)
class Built(Task):
    """Begin with the network as a person's factory makes it, with the weights that it brings along."""

    model: Mapping[str, Any]
    """The factory, `package.module:factory` as `kind`, and its options."""

    @property
    def kind(self) -> str:
        """As every task."""
        return "built"

    @property
    def architecture(self) -> Mapping[str, Any]:
        """The factory and its options."""
        return self.model

    def spelling(self) -> Any:
        """Nothing: the address of what begins with a factory has its code, and the weights that it brings along."""
        return {"kind": self.kind}

    def label(self) -> str:
        """The name of the factory."""
        return f"built by {self.model.get('kind')}"

    def run(self, work: Work) -> None:
        """Build it; what the factory draws, it draws from a fixed seed."""
        work.keep(work.stage.built(work.splits), None, {})


@dataclass(frozen=True)
class Held(Task):
    """Begin with a network that a person's program holds."""

    given: nn.Module

    @property
    def kind(self) -> str:
        """As every task."""
        return "held"

    @property
    def module(self) -> nn.Module:
        """The network itself."""
        return self.given

    @property
    def architecture(self) -> Mapping[str, Any]:
        """Nothing that a network could be built from: `module` is copied instead."""
        return {"kind": PLAIN, "class": type(self.given).__qualname__}

    def spelling(self) -> Any:
        """The module's weights, and as much of its code as can be seen."""
        return {"kind": self.kind, "module": identity(self.given)}

    def label(self) -> str:
        """The name of its class."""
        return f"the given {type(self.given).__name__}"

    def check(self, splits: Splits) -> None:
        """Raises ModelError where it does not take these images, or gives no logits for their classes."""
        check_logits(copied(self.given), num_classes=splits.num_classes, shape=splits.shape)

    def run(self, work: Work) -> None:
        """Keep its weights."""
        work.keep(work.stage.built(work.splits), None, {})


def knows_itself(header: Header) -> bool:
    """Whether a bundle needs nobody to say what its network is: it is a built-in one."""
    kind = str(header.architecture.get("kind"))
    return ":" not in kind and kind != PLAIN
