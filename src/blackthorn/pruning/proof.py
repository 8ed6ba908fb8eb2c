"""The proof that a shrunk network computes what the masked one does, and that copies of a network are its own."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..channels import Trace
from ..channels.trace import other_images
from ..channels.tracer import tensors_in
from ..errors import PruningError
from ..files import one_line
from ..models import eval_mode
from .blame import line_to_blame
from .masks import Masks, masked

TOLERANCE = 1e-5  # of the largest logit, in float32; sums in another order differ by about 2e-7
TOLERANCE_FLOAT64 = 1e-11  # for networks that amplify rounding, as a norm over almost constant maps does
_MOST = 64  # images of the example that are compared
_RANDOM_IMAGES = 8
_WRITTEN = (
    "a size is written in the code, as in view(-1, 512) or assert c == 512; write flatten(1) or compute it from "
    "x.shape, or keep the masked network"
)


class Differs(PruningError):
    """The two networks run, and give other logits."""


def proof_images(example: Tensor) -> list[tuple[str, Tensor]]:
    """Images to compare on: the example, other brightness, and noise, in batches of several sizes."""
    chance = torch.Generator().manual_seed(1)
    noise = torch.rand(_RANDOM_IMAGES, *example.shape[1:], generator=chance).to(example)
    others = [(what, images) for what, images in other_images(example) if what in ("black images", "white images")]
    return [("the example", example[:_MOST]), ("random images", noise), ("one random image", noise[1:2]), *others]


def check_copy(copy: nn.Module, model: nn.Module, masks: Masks | None, example: Tensor) -> None:
    """Refuse a network whose copies are not its own: what a hook or a closure captured is that of the original.

    Raises:
        PruningError: the copy computes something else, or with tensors of the original.
    """
    remedy = (
        "a hook, closure or lambda of it still points at the original; write it as a method of the network that uses "
        "self, or keep the masked network"
    )
    watching = _Foreign(model)
    try:
        with masked(model, masks):
            wanted = _logits(model, example)
        with watching:
            read = _logits(copy, example)
    except PruningError:
        raise
    except Exception as error:
        raise PruningError(
            f"a copy of the network fails ({type(error).__name__}: {one_line(error)}): it may be that {remedy}"
        ) from error
    if watching.met is not None:
        raise PruningError(f"a copy of the network still uses '{watching.met}' of the original: {remedy}")
    for what, several in wanted.items():
        off = max(_off(one, other)[0] for one, other in zip(read[what], several))
        if not all(difference <= TOLERANCE * scale for difference, scale in map(_off, read[what], several)):
            raise PruningError(f"a copy of the network gives other logits on {what} (by {off:.2g}): {remedy}")


def prove(small: nn.Module, whole: nn.Module, example: Tensor, *, tolerance: float = TOLERANCE) -> None:
    """Refuse a shrunk network that does not compute what the masked one does.

    Raises:
        Differs: it gives other logits.
        PruningError: it fails.
    """
    wanted = _logits(whole, example)
    entered: list[str] = []
    hooks = []

    def leave(*_: object) -> None:
        entered.pop()

    for name, module in small.named_modules():
        if isinstance(module, torch.jit.ScriptModule):  # takes no hooks
            continue
        hooks.append(module.register_forward_pre_hook(lambda *_, name=name: entered.append(name)))
        hooks.append(module.register_forward_hook(leave))
    try:
        read = _logits(small, example)
    except Exception as error:  # whatever a person's forward raises
        where = f"'{(entered[-1] if entered else '') or type(small).__name__}'"
        line = line_to_blame(small, whole, example[:_MOST], error)
        raise PruningError(
            f"the shrunk network fails in {where}{line} ({type(error).__name__}: {one_line(error)}): {_WRITTEN}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    for what, several in wanted.items():
        for one, other in zip(read[what], several, strict=True):
            if one.shape != other.shape:
                raise PruningError(
                    f"the shrunk network gives {tuple(one.shape)} where the masked one gives {tuple(other.shape)}: "
                    f"{_WRITTEN}"
                )
            off, scale = _off(one, other)
            if not off <= tolerance * scale:
                raise Differs(
                    f"shrunk and masked network differ by {off:.2g} on {what}, logits up to {scale:.2g}: "
                    "some operation depends on the number of channels; keep the masked network"
                )


def say_paths(found: Trace) -> None:
    """Warn where a network takes other paths for other images."""
    if found.paths:
        what = " and ".join(found.paths)
        warnings.warn(
            f"the network takes another path on {what} than on the example: these paths were followed and are "
            "compared, others that it may have are not",
            stacklevel=3,
        )


def _logits(model: nn.Module, example: Tensor) -> dict[str, list[Tensor]]:
    """What a network gives on each kind of images: logits, and whatever else it returns."""
    found: dict[str, list[Tensor]] = {}
    devices = [example.device] if example.is_cuda else []
    with eval_mode(model), torch.no_grad():
        for what, images in proof_images(example):
            with torch.random.fork_rng(devices):
                torch.manual_seed(0)
                returned = model(images)
            found[what] = [one.clone() for one in tensors_in(returned)]
            if not found[what]:
                raise PruningError(f"{type(model).__name__} gives a {type(returned).__name__}, and no tensor in it")
    return found


def _off(read: Tensor, wanted: Tensor) -> tuple[float, float]:
    """The largest difference, and the largest logit, of the images for which the masked network gives numbers."""
    if read.shape != wanted.shape:
        return float("inf"), 0.0
    finite = wanted.isfinite()
    if finite.any() and not finite.all():
        read, wanted = read[finite], wanted[finite]
    return float((read - wanted).abs().max()), float(wanted.abs().max())


class _Foreign(TorchFunctionMode):
    """Notes the first parameter or buffer of a network that a call is given."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._names = {id(tensor): name for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
        self.met: str | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        for tensor in tensors_in((args, kwargs or {})):
            self.met = self.met or self._names.get(id(tensor))
        return func(*args, **(kwargs or {}))
