"""A sparse matrix between images as tensors, and its products by torch alone: on any device, in any precision."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..speed.compressed_rows import product

_PIECE = 2**16  # entries whose images are gathered at once


class Matrix(NamedTuple):
    """Compressed rows, in panels of columns, of a matrix between images.

    The entries of row r in panel p are those from `rows[p, r]` to `rows[p, r + 1]`, and their columns lie in the panel.
    """

    weight: Tensor
    """The stored entries: (entries,)."""
    rows: Tensor
    """int32 (panels, outputs + 1)."""
    columns: Tensor
    """int32 (entries,)."""
    length: int
    """Positions of an input image, which is (groups, length); rows and columns of the matrix count groups fastest."""
    groups: int
    out_length: int
    out_groups: int

    @classmethod
    def of(cls, weight: Tensor, rows: Tensor, columns: Tensor, sizes: list[int]) -> "Matrix":
        """Laid out in memory as the kernel reads it; `sizes` are the last four."""
        assert rows.dtype == columns.dtype == torch.int32, "other integers would be read as other numbers"
        return cls(weight.contiguous(), rows.contiguous(), columns.contiguous(), *sizes)

    @property
    def inputs(self) -> int:
        return self.length * self.groups

    @property
    def outputs(self) -> int:
        return self.out_length * self.out_groups

    @property
    def panel(self) -> int:
        """Positions of the input in a panel; the last may have fewer."""
        return math.ceil(self.length / len(self.rows))

    def addresses(self) -> tuple[int, ...]:
        """What every call of the kernel is told about the matrix."""
        sizes = (self.length, self.groups, self.out_length, self.out_groups, len(self.rows), self.panel)
        return *sizes, self.rows.data_ptr(), self.columns.data_ptr(), self.weight.data_ptr()

    def torch_product(self, x: Tensor, *, transposed: bool = False) -> Tensor:
        """The matrix, or its transpose, times columns (inputs, n)."""
        shape = (self.outputs, self.inputs)
        total = x.new_zeros(shape[transposed], x.shape[1])
        for rows in self.rows:
            some = slice(int(rows[0]), int(rows[-1]))
            panel = (rows - rows[0], self.columns[some], self.weight[some], shape)
            total += product(*panel, x, transposed=transposed)
        return total

    def correlation(self, grad: Tensor, x: Tensor) -> Tensor:
        """For every entry, the sum over the images of the gradient of its row times the value of its column."""
        counts = self.rows.diff(dim=1).long().flatten()
        entry_rows = torch.arange(self.outputs, device=grad.device).repeat(len(self.rows)).repeat_interleave(counts)
        found = self.weight.new_empty(len(self.weight))
        for start in range(0, len(found), _PIECE):
            some = slice(start, start + _PIECE)
            found[some] = (grad[entry_rows[some]] * x[self.columns[some]]).sum(1)
        return found


def columns_of(x: Tensor, groups: int) -> Tensor:
    """Images (n, groups * length) as columns of the matrix (length * groups, n)."""
    n, inputs = x.shape
    return x.reshape(n, groups, inputs // groups).permute(2, 1, 0).reshape(inputs, n)


def images_of(y: Tensor, groups: int) -> Tensor:
    """The inverse of `columns_of`."""
    outputs, n = y.shape
    return y.view(outputs // groups, groups, n).permute(2, 1, 0).reshape(n, outputs)
