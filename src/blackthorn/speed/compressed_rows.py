"""torch's own product of a matrix in compressed rows, without its warning that such tensors are in beta."""

import warnings

import torch
from torch import Tensor


def product(
    rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int], x: Tensor, *, transposed: bool = False
) -> Tensor:
    """The matrix, or its transpose, times columns.

    Args:
        rows: (rows + 1,), where the entries of each row begin. Nothing is checked.
        columns: (entries,), as integers of the same kind.
        values: (entries,).
        shape: rows and columns of the matrix.
        x: (columns, n), or (rows, n) for the transpose.
        transposed: take the transpose.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CS[RC] tensor support is in beta")
        matrix = torch.sparse_csr_tensor(rows, columns, values, shape, check_invariants=False)
        return (matrix.t() if transposed else matrix) @ x
