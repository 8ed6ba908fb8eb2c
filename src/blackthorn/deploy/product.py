"""y = W x + bias for a sparse W and a batch, as an operation of torch: differentiable, exportable, on any device.

On CPUs it is the compiled kernel, in as many threads as torch uses. Without llvmlite, in float64 and on other devices
it is torch's own product of compressed rows.

The matrix is given as `weight` and `columns` (one number per stored entry) and `rows` (panels, outputs + 1), int32: the
entries of row r in panel p are those from `rows[p, r]` to `rows[p, r + 1]`, and their columns lie in the panel, which
is `ceil(length / panels)` positions wide. `sizes` is length and groups of the input and of the output: images are
(groups, length), rows and columns of the matrix count groups fastest.
"""

import math
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from . import kernel as kernels

_WORTH_A_THREAD = 2_000_000  # multiply-adds: handing work to a thread costs about 50 us, and so do they


@torch.library.custom_op("blackthorn::sparse_product", mutates_args=())
def sparse_product(
    x: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, bias: Tensor | None, sizes: list[int]
) -> Tensor:
    """Images (n, inputs) to (n, outputs); `bias` has one number per row of the matrix."""
    matrix = _Matrix(weight, rows, columns, *sizes)
    if not _compiled(x, weight):
        y = matrix.torch_product(_columns_of(x, matrix.groups).to(weight.dtype))
        y = y if bias is None else y + bias[:, None]
        return _images_of(y, matrix.out_groups)
    x, weight = x.contiguous(), weight.contiguous()
    y = x.new_empty(len(x), matrix.outputs)
    bias = weight.new_zeros(matrix.outputs) if bias is None else bias.contiguous()

    def some(part: "_Part") -> None:
        images = (x[part.first :].data_ptr(), y[part.first :].data_ptr(), part.images)
        part.kernel.forward(*images, *matrix.addresses(), bias.data_ptr(), *part.end(matrix))

    _in_threads(some, matrix, len(x))
    return y


@torch.library.custom_op("blackthorn::sparse_to_input", mutates_args=())
def _to_input(grad: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, sizes: list[int]) -> Tensor:
    """The gradient of the images from that of the outputs."""
    matrix = _Matrix(weight, rows, columns, *sizes)
    if not _compiled(grad, weight):
        return _images_of(matrix.torch_product(_columns_of(grad, matrix.out_groups), transposed=True), matrix.groups)
    grad, weight = grad.contiguous(), weight.contiguous()
    found = grad.new_empty(len(grad), matrix.inputs)

    def some(part: "_Part") -> None:
        images = (found[part.first :].data_ptr(), grad[part.first :].data_ptr(), part.images)
        part.kernel.to_input(*images, *matrix.addresses(), *part.end(matrix))

    _in_threads(some, matrix, len(grad), share_outputs=False)
    return found


@torch.library.custom_op("blackthorn::sparse_to_weight", mutates_args=())
def _to_weight(x: Tensor, grad: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, sizes: list[int]) -> Tensor:
    """The gradient of the stored entries; entries that are not stored have none."""
    matrix = _Matrix(weight, rows, columns, *sizes)
    if not _compiled(grad, weight):
        return matrix.correlation(_columns_of(grad, matrix.out_groups), _columns_of(x, matrix.groups))
    x, grad = x.contiguous(), grad.contiguous()
    found = torch.zeros_like(weight)

    def some(part: "_Part") -> None:
        images = (x[part.first :].data_ptr(), grad[part.first :].data_ptr(), part.images)
        part.kernel.to_weight(*images, *matrix.addresses(), found.data_ptr(), *part.end(matrix))

    _in_threads(some, matrix, len(grad), share_images=False)
    return found


@sparse_product.register_fake
def _(x: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, bias: Tensor | None, sizes: list[int]) -> Tensor:
    return weight.new_empty(x.shape[0], sizes[2] * sizes[3])


@_to_input.register_fake
def _(grad: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, sizes: list[int]) -> Tensor:
    return grad.new_empty(grad.shape[0], sizes[0] * sizes[1])


@_to_weight.register_fake
def _(x: Tensor, grad: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, sizes: list[int]) -> Tensor:
    return torch.empty_like(weight)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, rows, columns, _, ctx.sizes = inputs
    ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, weight, rows, columns)


def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, rows, columns = ctx.saved_tensors
    for_x, for_weight, _, _, for_bias, _ = ctx.needs_input_grad
    return (
        _to_input(grad, weight, rows, columns, ctx.sizes) if for_x else None,
        _to_weight(x, grad, weight, rows, columns, ctx.sizes) if for_weight else None,
        None,
        None,
        _columns_of(grad, ctx.sizes[3]).sum(1) if for_bias else None,
        None,
    )


sparse_product.register_autograd(_gradients, setup_context=_remember)


@register_flop_formula(torch.ops.blackthorn.sparse_product)
def _flops(x: torch.Size, weight: torch.Size, *args: Any, out_shape: Any = None, **options: Any) -> int:
    return 2 * x[0] * weight[0]


class _Matrix(NamedTuple):
    weight: Tensor
    rows: Tensor
    columns: Tensor
    length: int
    groups: int
    out_length: int
    out_groups: int

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
        sizes = (self.length, self.groups, self.out_length, self.out_groups, len(self.rows), self.panel)
        return *sizes, self.rows.data_ptr(), self.columns.data_ptr(), self.weight.data_ptr()

    def torch_product(self, x: Tensor, *, transposed: bool = False) -> Tensor:
        """The matrix, or its transpose, times columns (inputs, n)."""
        shape = (self.outputs, self.inputs)
        total = x.new_zeros(shape[transposed], x.shape[1])
        for rows in self.rows:
            some = slice(int(rows[0]), int(rows[-1]))
            structure = (rows - rows[0], self.columns[some], self.weight[some])
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Sparse CS[RC] tensor support is in beta")
                panel = torch.sparse_csr_tensor(*structure, shape, check_invariants=False)
                total += (panel.t() if transposed else panel) @ x
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


_PIECE = 2**16  # entries whose images are gathered at once


def _columns_of(x: Tensor, groups: int) -> Tensor:
    """Images (n, groups * length) as columns of the matrix (length * groups, n)."""
    n, inputs = x.shape
    return x.reshape(n, groups, inputs // groups).permute(2, 1, 0).reshape(inputs, n)


def _images_of(y: Tensor, groups: int) -> Tensor:
    outputs, n = y.shape
    return y.view(outputs // groups, groups, n).permute(2, 1, 0).reshape(n, outputs)


def _compiled(x: Tensor, weight: Tensor) -> bool:
    both = x.dtype == weight.dtype == torch.float32
    return both and x.device.type == "cpu" and len(weight) > 0 and kernels.available()


# Parts of the work, and threads that take them


class _Part(NamedTuple):
    """Some images, and some positions of the output, for one thread."""

    kernel: kernels.Kernel
    first: int
    images: int
    start: int
    stop: int

    def end(self, matrix: _Matrix) -> tuple[int, int, int, int]:
        """Positions and scratch memory, with which every call of the kernel ends."""
        width = self.kernel.width
        outputs = (self.stop - self.start) * matrix.out_groups * math.ceil(self.images / width)
        inputs = matrix.panel * matrix.groups
        return self.start, self.stop, _scratch("inputs", inputs * width), _scratch("outputs", outputs * width)


_TOGETHER = 8
"""Blocks of images for which a panel's entries are read once."""


def _errands(matrix: _Matrix, n: int, threads: int, *, share_images: bool, share_outputs: bool) -> list[list[_Part]]:
    """What threads take one after the other: some images each and, where these are fewer than threads, some outputs.

    Without `share_images`, because images add to the same place, an errand is some outputs of all images.
    """
    widest = kernels.WIDTHS[0]
    rest = n % widest
    narrow = min(width for width in kernels.WIDTHS if width >= rest)
    wide = n if narrow == widest else n - rest
    together = _TOGETHER if len(matrix.rows) > 1 else 1
    step = widest * max(1, min(together, math.ceil(wide / widest / threads)))
    images = [(widest, first, min(step, wide - first)) for first in range(0, wide, step)]
    images += [(narrow, wide, rest)] if wide < n else []
    shares = threads if not share_images else math.ceil(threads / max(len(images), 1)) if share_outputs else 1
    outputs = pairwise(matrix.out_length * share // shares for share in range(shares + 1))
    parts = [[_Part(kernels.kernel(some[0]), *some[1:], *ends) for some in images] for ends in outputs]
    return [[part] for share in parts for part in share] if share_images else parts


def _in_threads(
    work: Callable[[_Part], None], matrix: _Matrix, n: int, *, share_images: bool = True, share_outputs: bool = True
) -> None:
    """Do the work for `n` images in as many threads as torch uses, this one among them."""
    threads = max(1, min(torch.get_num_threads(), len(matrix.weight) * n // _WORTH_A_THREAD))
    left = deque(_errands(matrix, n, threads, share_images=share_images, share_outputs=share_outputs))
    caller, flush = threading.current_thread(), threads > 1 and _flushes()

    def take() -> None:
        if threading.current_thread() is not caller:
            torch.set_flush_denormal(flush)
        while True:
            try:
                errand = left.popleft()
            except IndexError:
                return
            for part in errand:
                work(part)

    helpers = [_pool().submit(take) for _ in range(min(threads, len(left)) - 1)]
    take()
    for helper in helpers:
        helper.result()


_memory = threading.local()


def _scratch(name: str, values: int) -> int:
    """The address of memory of this thread, kept from call to call, since new memory is slow memory."""
    held = getattr(_memory, name, None)
    if held is None or held.numel() < values:
        held = torch.empty(values, dtype=torch.float32, device="cpu")
        setattr(_memory, name, held)
    address: int = held.data_ptr()
    return address


def _flushes() -> bool:
    """Whether denormal floats are zero here; every thread has that setting for itself."""
    return bool((torch.tensor([1e-39], dtype=torch.float32, device="cpu") * 1.0 == 0).item())


_pools: list[ThreadPoolExecutor] = []


def _pool() -> ThreadPoolExecutor:
    if not _pools:
        _pools.append(ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="blackthorn-sparse"))
    return _pools[0]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # a forked process has none of its parent's threads
