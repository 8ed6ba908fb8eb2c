"""Masks are data: parameter name -> bool tensor of the parameter's own shape, True = keep.

A pruned model is an ordinary model with exact zeros; nothing is wrapped, hooked or re-parametrised, so
`deepcopy`, `state_dict` and optimisers work as ever. `pruning.Hold` keeps the zeros through training.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..errors import PruningError, did_you_mean


class Masks(Mapping[str, Tensor]):
    """Which entries of which parameters stay.

    `a & b` keeps what both keep (the union of what they remove), `a | b` what either keeps. A parameter
    without a mask is kept whole.

    Raises:
        PruningError: a mask is not a bool tensor.
    """

    __hash__ = None  # type: ignore[assignment]  # equal by content, which hashing cannot follow cheaply

    def __init__(self, keep: Mapping[str, Tensor]) -> None:
        for name, mask in keep.items():
            if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
                read = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
                raise PruningError(f"mask of '{name}' must be a bool tensor (True = keep), got {read}")
        self._keep = {name: mask.detach() for name, mask in keep.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self._keep[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keep)

    def __len__(self) -> int:
        return len(self._keep)

    def __and__(self, other: "Masks") -> "Masks":
        both = _paired(self, other)
        return Masks({**self, **other, **{name: mine & theirs for name, (mine, theirs) in both.items()}})

    def __or__(self, other: "Masks") -> "Masks":
        return Masks({name: mine | theirs for name, (mine, theirs) in _paired(self, other).items()})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Masks):
            return NotImplemented
        return self.keys() == other.keys() and all(torch.equal(mask, other[name]) for name, mask in self.items())

    def __repr__(self) -> str:
        total = self.kept + self.removed
        share = self.removed / total if total else 0.0
        return f"Masks({len(self)} tensors, {self.removed:,} of {total:,} entries removed, {100 * share:.2f} %)"

    @property
    def kept(self) -> int:
        """Number of masked-over entries that stay."""
        return sum(int(mask.sum()) for mask in self._keep.values())

    @property
    def removed(self) -> int:
        """Number of entries that are zeroed."""
        return sum(mask.numel() for mask in self._keep.values()) - self.kept

    def to(self, device: torch.device | str) -> "Masks":
        """The same masks on another device."""
        return Masks({name: mask.to(device) for name, mask in self.items()})

    def check(self, model: nn.Module) -> None:
        """Refuse masks that belong to another network.

        Raises:
            PruningError: naming the first parameter that is missing or has another shape.
        """
        parameters = dict(model.named_parameters())
        for name, mask in self.items():
            if name not in parameters:
                raise PruningError(f"the network has no parameter '{name}'; {did_you_mean(name, parameters)}")
            if parameters[name].shape != mask.shape:
                wanted, read = tuple(parameters[name].shape), tuple(mask.shape)
                raise PruningError(f"mask of '{name}' has shape {read}, the parameter {wanted}; use its own masks")

    @torch.no_grad()
    def apply_(self, model: nn.Module) -> None:
        """Zero what is removed, in place; exact even where a weight is nan or inf (0 * nan would stay nan).

        Raises:
            PruningError: the masks belong to another network; nothing was changed.
        """
        self.check(model)
        parameters = dict(model.named_parameters())
        for name, mask in self.items():
            parameters[name].masked_fill_(~mask.to(parameters[name].device), 0.0)


@contextmanager
def masked(model: nn.Module, masks: Masks | None) -> Iterator[None]:
    """Within: the network itself is masked. After: its weights are what they were."""
    parameters = dict(model.named_parameters())
    held = {name: parameters[name].detach().clone() for name in masks or {}}
    try:
        if masks is not None:
            masks.apply_(model)
        yield
    finally:
        with torch.no_grad():
            for name, before in held.items():
                parameters[name].copy_(before)


def _paired(mine: Masks, theirs: Masks) -> dict[str, tuple[Tensor, Tensor]]:
    shared = {name: (mine[name], theirs[name].to(mine[name].device)) for name in mine if name in theirs}
    for name, (one, other) in shared.items():
        if one.shape != other.shape:
            raise PruningError(f"masks of '{name}' differ in shape: {tuple(one.shape)} and {tuple(other.shape)}")
    return shared
