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
from collections.abc import Callable, Iterator
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

    def share(block: "_Block", start: int, stop: int) -> None:
        into, out = _scratch(matrix.panel * matrix.groups, (stop - start) * matrix.out_groups, block.kernel.width)
        images = (x[block.first :].data_ptr(), y[block.first :].data_ptr(), block.images)
        block.kernel.forward(*images, *matrix.addresses(), bias.data_ptr(), start, stop, into, out)

    _in_threads(share, len(x), matrix.out_length, len(weight) * len(x))
    return y


@torch.library.custom_op("blackthorn::sparse_to_input", mutates_args=())
def _to_input(grad: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, sizes: list[int]) -> Tensor:
    """The gradient of the images from that of the outputs."""
    matrix = _Matrix(weight, rows, columns, *sizes)
    if not _compiled(grad, weight):
        return _images_of(matrix.torch_product(_columns_of(grad, matrix.out_groups), transposed=True), matrix.groups)
    grad, weight = grad.contiguous(), weight.contiguous()
    found = grad.new_empty(len(grad), matrix.inputs)

    def whole(block: "_Block", start: int, stop: int) -> None:
        into, out = _scratch(matrix.panel * matrix.groups, matrix.outputs, block.kernel.width)
        images = (found[block.first :].data_ptr(), grad[block.first :].data_ptr(), block.images)
        block.kernel.to_input(*images, *matrix.addresses(), into, out)

    _in_threads(whole, len(grad), None, len(weight) * len(grad))
    return found


@torch.library.custom_op("blackthorn::sparse_to_weight", mutates_args=())
def _to_weight(x: Tensor, grad: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, sizes: list[int]) -> Tensor:
    """The gradient of the stored entries; entries that are not stored have none."""
    matrix = _Matrix(weight, rows, columns, *sizes)
    if not _compiled(grad, weight):
        return matrix.correlation(_columns_of(grad, matrix.out_groups), _columns_of(x, matrix.groups))
    x, grad = x.contiguous(), grad.contiguous()
    found = torch.zeros_like(weight)

    def share(block: "_Block", start: int, stop: int) -> None:
        into, out = _scratch(matrix.panel * matrix.groups, (stop - start) * matrix.out_groups, block.kernel.width)
        images = (x[block.first :].data_ptr(), grad[block.first :].data_ptr(), block.images)
        block.kernel.to_weight(*images, *matrix.addresses(), found.data_ptr(), start, stop, into, out)

    _in_threads(share, len(grad), matrix.out_length, len(weight) * len(grad), together=True)
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


# Blocks of images, and threads that take them


class _Block(NamedTuple):
    kernel: kernels.Kernel
    first: int
    images: int


def _blocks(n: int) -> Iterator[_Block]:
    """Widest blocks, and one for the rest that has room for all of it."""
    first = 0
    while first < n:
        width = min(w for w in kernels.WIDTHS if w >= min(n - first, kernels.WIDTHS[0]))
        yield _Block(kernels.kernel(width), first, min(width, n - first))
        first += width


_scratches = threading.local()


def _scratch(inputs: int, outputs: int, width: int) -> tuple[int, int]:
    """Addresses of this thread's two scratch blocks, kept from call to call, since new memory is slow memory."""
    addresses = []
    for name, values in (("inputs", inputs * width), ("outputs", outputs * width)):
        held = getattr(_scratches, name, None)
        if held is None or held.numel() < values:
            held = torch.empty(values, dtype=torch.float32, device="cpu")
            setattr(_scratches, name, held)
        addresses.append(held.data_ptr())
    return addresses[0], addresses[1]


def _in_threads(
    work: Callable[[_Block, int, int], None], n: int, positions: int | None, size: int, *, together: bool = False
) -> None:
    """Do `work` on every block, in threads that share blocks, and outputs where there are fewer blocks than threads.

    `together`: blocks add to the same place, so a thread takes its outputs of all blocks.
    """
    threads = max(1, min(torch.get_num_threads(), size // _WORTH_A_THREAD))
    blocks = list(_blocks(n))
    if threads == 1:
        for block in blocks:
            work(block, 0, positions or 0)
        return
    shares = 1 if positions is None else threads if together else math.ceil(threads / len(blocks))
    edges = [round(share * (positions or 0) / shares) for share in range(shares + 1)]
    pieces = list(pairwise(edges))
    groups = [blocks] if together else [[block] for block in blocks]
    left = deque((group, piece) for group in groups for piece in pieces)
    flush = _flushes()

    def take() -> None:
        if threading.current_thread() is not caller:
            torch.set_flush_denormal(flush)
        while True:
            try:
                some, (start, stop) = left.popleft()
            except IndexError:
                return
            for block in some:
                work(block, start, stop)

    caller = threading.current_thread()
    helpers = [_pool().submit(take) for _ in range(threads - 1)]
    take()
    for helper in helpers:
        helper.result()


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
