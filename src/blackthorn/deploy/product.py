"""y = W x + bias for a sparse W and a batch, as an operation of torch: differentiable, exportable, on any device.

On CPUs it is the compiled kernel, in as many threads as torch uses. Without llvmlite, in float64 and on other devices
it is torch's own product of compressed rows. `weight`, `rows`, `columns` and `sizes` are those of `Matrix`.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from . import kernel as kernels
from .matrix import Matrix, columns_of, images_of
from .parts import Part, in_threads


@torch.library.custom_op("blackthorn::sparse_product", mutates_args=())
def sparse_product(
    x: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, bias: Tensor | None, sizes: list[int]
) -> Tensor:
    """Images (n, inputs) to (n, outputs); `bias` has one number per row of the matrix."""
    matrix = Matrix.of(weight, rows, columns, sizes)
    if not _compiled(x, weight):
        y = matrix.torch_product(columns_of(x, matrix.groups).to(weight.dtype))
        y = y if bias is None else y + bias[:, None]
        return images_of(y, matrix.out_groups)
    x = x.contiguous()
    y = x.new_empty(len(x), matrix.outputs)
    bias = weight.new_zeros(matrix.outputs) if bias is None else bias.contiguous()

    def some(part: Part) -> None:
        images = (x[part.first :].data_ptr(), y[part.first :].data_ptr(), part.images)
        part.kernel.forward(*images, *matrix.addresses(), bias.data_ptr(), *part.end(matrix))

    in_threads(some, matrix, len(x))
    return y


@torch.library.custom_op("blackthorn::sparse_to_input", mutates_args=())
def _to_input(grad: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, sizes: list[int]) -> Tensor:
    """The gradient of the images from that of the outputs."""
    matrix = Matrix.of(weight, rows, columns, sizes)
    if not _compiled(grad, weight):
        return images_of(matrix.torch_product(columns_of(grad, matrix.out_groups), transposed=True), matrix.groups)
    grad = grad.contiguous()
    found = grad.new_empty(len(grad), matrix.inputs)

    def some(part: Part) -> None:
        images = (found[part.first :].data_ptr(), grad[part.first :].data_ptr(), part.images)
        part.kernel.to_input(*images, *matrix.addresses(), *part.end(matrix))

    in_threads(some, matrix, len(grad), share_outputs=False)
    return found


@torch.library.custom_op("blackthorn::sparse_to_weight", mutates_args=())
def _to_weight(x: Tensor, grad: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, sizes: list[int]) -> Tensor:
    """The gradient of the stored entries; entries that are not stored have none."""
    matrix = Matrix.of(weight, rows, columns, sizes)
    if not _compiled(grad, weight):
        return matrix.correlation(columns_of(grad, matrix.out_groups), columns_of(x, matrix.groups))
    x, grad = x.contiguous(), grad.contiguous()
    found = torch.zeros_like(weight)

    def some(part: Part) -> None:
        images = (x[part.first :].data_ptr(), grad[part.first :].data_ptr(), part.images)
        part.kernel.to_weight(*images, *matrix.addresses(), found.data_ptr(), *part.end(matrix))

    in_threads(some, matrix, len(grad), share_images=False)
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
        columns_of(grad, ctx.sizes[3]).sum(1) if for_bias else None,
        None,
    )


sparse_product.register_autograd(_gradients, setup_context=_remember)


@register_flop_formula(torch.ops.blackthorn.sparse_product)
def _flops(x: torch.Size, weight: torch.Size, *args: Any, out_shape: Any = None, **options: Any) -> int:
    return 2 * x[0] * weight[0]


def _compiled(x: Tensor, weight: Tensor) -> bool:
    both = x.dtype == weight.dtype == torch.float32
    return both and x.device.type == "cpu" and len(weight) > 0 and kernels.available()
