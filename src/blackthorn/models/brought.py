"""The weights that a factory brings along, such as those of a file that it reads: they decide what the network is."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from .building import build


def brought_along(spec: str | Mapping[str, object], *, num_classes: int, shape: tuple[int, int, int]) -> str | None:
    """A hash of the weights that two builds under different seeds share; None where a factory draws all of them.

    What is the same number throughout, as the gain of a fresh norm, is no weight that was brought along.

    Raises:
        ModelError: the network cannot be built.
    """
    built = [_built(spec, num_classes, shape, seed) for seed in (1, 2)]
    learned, states = dict(built[0].named_parameters()), [model.state_dict() for model in built]
    same = {
        name: tensor
        for name, tensor in states[0].items()
        if isinstance(tensor, Tensor) and name in states[1] and torch.equal(tensor, states[1][name])
    }
    if not any(
        name in learned and tensor.numel() and bool((tensor != tensor.flatten()[0]).any())
        for name, tensor in same.items()
    ):
        return None
    return hash_of(same)


def hash_of(state: Mapping[str, Tensor]) -> str:
    """64 hexadecimal digits that stand for these tensors: names, types, shapes and numbers."""
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        held = tensor.detach().cpu().contiguous()
        found.update(f"{name} {held.dtype} {tuple(held.shape)}\n".encode())
        found.update(held.flatten().view(torch.uint8).numpy().tobytes() if held.numel() else b"")
    return found.hexdigest()


def _built(
    spec: str | Mapping[str, object], num_classes: int, shape: tuple[int, int, int], seed: int
) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(spec, num_classes=num_classes, shape=shape)
