"""A layer that stores only some entries of its matrix, and takes time for these only."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .product import sparse_product

_PANEL = 2048
"""Columns of a panel: with 32 images a block, 256 KiB, a fourth to an eighth of a second-level cache of today."""


class SparseLayer(nn.Module):
    """`y = M x + bias` with a matrix in compressed rows: a pruned linear layer, or an unrolled convolution.

    `weight` holds the stored entries in one dimension, so that criteria score, and masks prune, single connections;
    `without_zeros` deletes pruned ones from the structure. Images are (..., *in_shape) as for the layer that
    this one replaces. Rows and columns of the matrix number values channels last: (y * width + x) * channels + c.

    Args:
        rows: int32 (panels, outputs + 1), where the entries of each row begin in each panel of columns.
        columns: int32, the column of every stored entry.
        weight: the stored entries, in the order of `columns`.
        bias: one number per output of a linear layer, per channel of a convolution.
        in_shape: (features,) or (channels, height, width), without the batch.
        out_shape: likewise.
        stored: how many entries there were before any was deleted; by default those that are there.
    Raises:
        ModelError: the structure is not one: sizes that disagree, rows out of order, columns outside their panel.
    Reference:
        Gannon 2018, decoupled convolutions.
    """

    rows: Tensor
    columns: Tensor

    def __init__(
        self,
        rows: Tensor,
        columns: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        stored: int | None = None,
    ) -> None:
        super().__init__()
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)
        self.stored = len(columns) if stored is None else stored
        self.register_buffer("rows", rows.to(torch.int32).contiguous())
        self.register_buffer("columns", columns.to(torch.int32).contiguous())
        self.weight = nn.Parameter(weight.detach().clone())
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        self.check()

    @property
    def sizes(self) -> list[int]:
        """Length and groups of the input and of the output, as `sparse_product` wants them."""
        (length, groups), (out_length, out_groups) = _split(self.in_shape), _split(self.out_shape)
        return [length, groups, out_length, out_groups]

    def forward(self, x: Tensor) -> Tensor:
        """Outputs in the precision of the weights, also under autocast; sums are in float32 at least."""
        axes = len(self.in_shape)
        if x.shape[-axes:] != self.in_shape:
            raise ModelError(f"SparseLayer wants values of shape {self.in_shape}, got {tuple(x.shape)}")
        sizes = self.sizes
        kind = self.weight.dtype
        computed = kind if kind in (torch.float32, torch.float64) else torch.float32
        positions = math.prod(self.out_shape[1:])
        bias = self.bias if self.bias is None else self.bias.to(computed)
        bias = bias if bias is None or positions == 1 else bias.repeat(positions)
        images = x.to(computed).reshape(-1, math.prod(self.in_shape))
        y: Tensor = sparse_product(images, self.weight.to(computed), self.rows, self.columns, bias, sizes)
        return y.to(kind).reshape(*x.shape[:-axes], *self.out_shape)

    def reads(self, inputs: Tensor) -> Tensor:
        """What each stored entry reads of `inputs` (*in_shape): shape (entries,)."""
        length, groups, _, _ = self.sizes
        return inputs.reshape(groups, length).t().reshape(-1)[self.columns.long()]

    def without_zeros(self) -> "SparseLayer":
        """The same function with zero entries deleted from the structure."""
        keep = self.weight.detach() != 0
        before = torch.cat([keep.new_zeros(1, dtype=torch.int64), keep.cumsum(0)])
        return SparseLayer(
            before[self.rows.long()],
            self.columns[keep],
            self.weight[keep],
            self.bias,
            in_shape=self.in_shape,
            out_shape=self.out_shape,
            stored=self.stored,
        ).train(self.training)

    def check(self) -> None:
        """Refuse a structure that would be read outside of its arrays.

        Raises:
            ModelError: saying what is wrong with it.
        """
        inputs, outputs = math.prod(self.in_shape), math.prod(self.out_shape)
        length, groups, _, _ = self.sizes
        entries = len(self.columns)
        if self.rows.dim() != 2 or self.rows.shape[1] != outputs + 1 or self.columns.shape != self.weight.shape:
            raise ModelError(
                f"SparseLayer to {self.out_shape}: rows must be (panels, {outputs + 1}) and columns and weight of one "
                f"length; got {tuple(self.rows.shape)}, {tuple(self.columns.shape)} and {tuple(self.weight.shape)}"
            )
        if self.bias is not None and self.bias.shape != self.out_shape[:1]:
            raise ModelError(f"SparseLayer to {self.out_shape}: the bias has shape {tuple(self.bias.shape)}")
        flat = self.rows.long().flatten()
        if len(flat) == 0 or flat[0] != 0 or flat[-1] != entries or (flat.diff() < 0).any():
            raise ModelError(f"SparseLayer: rows must rise from 0 to the {entries} entries; the structure is damaged")
        panel = math.ceil(length / len(self.rows)) * groups
        for number, (start, stop) in enumerate(zip(self.rows[:, 0].tolist(), self.rows[:, -1].tolist())):
            columns = self.columns[start:stop]
            low, high = number * panel, min((number + 1) * panel, inputs)
            if len(columns) and not low <= int(columns.min()) <= int(columns.max()) < high:
                raise ModelError(f"SparseLayer: columns of panel {number} must lie from {low} to {high - 1}")

    def extra_repr(self) -> str:
        shapes = " -> ".join("x".join(map(str, shape)) for shape in (self.in_shape, self.out_shape))
        return f"{shapes}, {len(self.weight):,} of {self.stored:,} entries"

    def _load_from_state_dict(self, *args: object) -> None:
        super()._load_from_state_dict(*args)
        self.check()


def from_linear(linear: nn.Linear) -> SparseLayer:
    """The nonzero weights of a linear layer, cut into panels of columns."""
    weight = linear.weight.detach()
    outputs, inputs = weight.shape
    panels = max(1, round(inputs / _PANEL))
    width = math.ceil(inputs / panels)
    parts = [weight[:, start : start + width] for start in range(0, inputs, width)]
    found = [part.nonzero(as_tuple=True) for part in parts]
    counts = torch.stack([torch.bincount(row, minlength=outputs) for row, _ in found])
    before = torch.cat([counts.new_zeros(1), counts.flatten().cumsum(0)])
    rows = before.unfold(0, outputs + 1, outputs)  # the last of a panel is the first of the next
    columns = torch.cat([column + number * width for number, (_, column) in enumerate(found)])
    entries = torch.cat([part[at] for part, at in zip(parts, found)])
    layer = SparseLayer(
        rows, columns, entries, linear.bias, in_shape=(inputs,), out_shape=(outputs,), stored=weight.numel()
    )
    return layer.train(linear.training)


def _split(shape: tuple[int, ...]) -> tuple[int, int]:
    """Length and groups: channels come first and are the groups; features are one group."""
    return (shape[0], 1) if len(shape) == 1 else (math.prod(shape[1:]), shape[0])
