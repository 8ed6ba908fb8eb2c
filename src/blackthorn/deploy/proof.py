"""The proof that what is saved is what is loaded: logits on example images, which are kept in the bundle."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BundleError
from ..files import one_line
from ..models import eval_mode
from ..models.device import device_of
from ..models.outputs import logits_from

_SAVED = 1e-4  # of the largest logit; the same code on the same machine differs by about 1e-7
_LOADED = 1e-3  # another machine rounds otherwise, and a network may amplify that
_REASONS = (
    "a value drawn or set outside parameters and buffers is lost (a number kept as an attribute, a layer replaced or "
    "an eps changed after building), an option of the factory is missing, or the code was changed since"
)


def example_images(shape: tuple[int, int, int]) -> Tensor:
    """A black, a white and two random images: uint8 (4, C, H, W), always the same."""
    chance = torch.Generator().manual_seed(0)
    drawn = torch.randint(0, 256, (2, *shape), generator=chance, dtype=torch.uint8)
    return torch.cat([torch.zeros(1, *shape, dtype=torch.uint8), torch.full((1, *shape), 255).byte(), drawn])


def logits_on(model: nn.Module, images: Tensor, *, seed: int = 0) -> Tensor:
    """Logits of a network in eval mode, float32 on the CPU; noise that it draws is that of the seed."""
    device = device_of(model)
    with drawing_apart(device, seed=seed), eval_mode(model), torch.no_grad():
        logits = logits_from(model, images.to(device, torch.float32) / 255)
    return logits.detach().float().cpu()


def check_saved(model: nn.Module, rebuilt: nn.Module, images: Tensor) -> Tensor | None:
    """Refuse to save a network that its bundle does not give back; the logits to keep, from the network on the CPU.

    Args:
        model: the network itself, not a copy, whose closures might still reach the original.
        rebuilt: what `load` would make of the bundle, on the CPU.
        images: as `example_images` gives them.
    Returns:
        Logits of `rebuilt`; None if the network does not give the same logits twice, so that nothing can be proved.
    Raises:
        BundleError: the two give other logits.
    """
    wanted = logits_on(model, images)
    if not _close(logits_on(model, images), wanted, _SAVED):
        return None
    device = device_of(model)
    read = logits_on(rebuilt.to(device), images)
    if not _close(read, wanted, _SAVED):
        raise BundleError(f"the network would not be loaded as it is: {_differ(read, wanted)}; {_REASONS}")
    return logits_on(rebuilt.cpu(), images) if device.type != "cpu" else read


def check_loaded(model: nn.Module, images: Tensor, wanted: Tensor) -> None:
    """Refuse a network that does not give the logits it gave when it was saved.

    Raises:
        BundleError: naming the likely reasons.
    """
    try:
        read = logits_on(model, images)
    except (RuntimeError, TypeError, ValueError) as error:
        raise BundleError(f"the network fails on its example images: {one_line(error)}") from error
    if not _close(read, wanted, _LOADED):
        raise BundleError(f"this is not the network that was saved: {_differ(read, wanted)}; {_REASONS}")


@contextmanager
def drawing_apart(device: torch.device, *, seed: int) -> Iterator[None]:
    """Within: torch, numpy and Python draw from this seed. After: they go on as if nothing had been drawn."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # what a person's code may draw from
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


def _close(read: Tensor, wanted: Tensor, tolerance: float) -> bool:
    return read.shape == wanted.shape and bool((read - wanted).abs().max() <= tolerance * wanted.abs().max())


def _differ(read: Tensor, wanted: Tensor) -> str:
    if read.shape != wanted.shape:
        return f"its logits have the shape {tuple(read.shape)} and not {tuple(wanted.shape)}"
    off, scale = float((read - wanted).abs().max()), float(wanted.abs().max())
    return f"logits on example images differ by {off:.2g}, where the largest is {scale:.2g}"
