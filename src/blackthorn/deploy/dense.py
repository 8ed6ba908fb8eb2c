"""Sparse layers as ordinary ones, which any runtime computes: a linear layer, a convolution, or a full matrix."""

import math

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .sparse_layer import SparseLayer

_MOST = 2**27  # entries of a matrix, 0.5 GB: an ONNX file holds 2 GB at most


@torch.no_grad()
def dense_form(layer: SparseLayer, name: str) -> nn.Module:
    """A layer of torch that computes the same: nn.Linear, nn.Conv2d, or a full matrix between images.

    Args:
        layer: not touched.
        name: of the layer, for an error.
    Raises:
        ModelError: positions have connections of their own, and the full matrix is too large for a file.
    """
    rows, columns, weight = entries(layer)
    if len(layer.in_shape) == 3 == len(layer.out_shape):
        conv = _convolution(layer, rows, columns, weight)
        if conv is not None:
            return conv
    inputs, outputs = math.prod(layer.in_shape), math.prod(layer.out_shape)
    if inputs * outputs > _MOST:
        size = 4 * inputs * outputs / 1e9
        raise ModelError(
            f"'{name}' has connections of its own at every position; as a full matrix it takes {size:.1f} GB: export "
            "the network from before it was decoupled"
        )
    matrix = torch.zeros(outputs, inputs).index_put((rows, columns), weight, accumulate=True)
    matrix = matrix[_channels_first(layer.out_shape)][:, _channels_first(layer.in_shape)]
    linear = nn.Linear(inputs, outputs, bias=layer.bias is not None)
    linear.weight.copy_(matrix)
    if layer.bias is not None:
        linear.bias.copy_(layer.bias.repeat_interleave(outputs // len(layer.bias)))
    if len(layer.in_shape) == 1 == len(layer.out_shape):
        return linear
    return nn.Sequential(nn.Flatten(1), linear, nn.Unflatten(1, layer.out_shape))


def entries(layer: SparseLayer) -> tuple[Tensor, Tensor, Tensor]:
    """Row, column and weight of every entry that is not zero; both are numbered channels last."""
    counts = layer.rows.diff(dim=1).long()
    rows = torch.arange(counts.shape[1]).repeat(len(counts)).repeat_interleave(counts.flatten().cpu())
    weight = layer.weight.detach().float().cpu()
    kept = weight != 0
    return rows[kept], layer.columns.long().cpu()[kept], weight[kept]


def _channels_first(shape: tuple[int, ...]) -> Tensor:
    """Where each value of a flattened image lies when channels come last."""
    if len(shape) == 1:
        return torch.arange(shape[0])
    return torch.arange(math.prod(shape)).view(*shape[1:], shape[0]).movedim(-1, 0).flatten()


def _convolution(layer: SparseLayer, rows: Tensor, columns: Tensor, weight: Tensor) -> nn.Module | None:
    """The convolution that was unrolled, where every position still has the same weights; else None."""
    (within, high, wide), (out, out_high, out_wide) = layer.in_shape, layer.out_shape
    places, channel = rows // out, rows % out
    pixels, read = columns // within, columns % within
    sides = ((high, out_high, pixels // wide, places // out_wide), (wide, out_wide, pixels % wide, places % out_wide))
    for step_down in _steps(high, out_high):
        for step_across in _steps(wide, out_wide):
            steps = (step_down, step_across)
            taps = [pixel - step * place for step, (_, _, pixel, place) in zip(steps, sides)]
            kernel = _shared(layer, steps, taps, (channel, read), weight)
            if kernel is not None:
                return _layer(layer, steps, kernel, [int(tap.min()) if len(tap) else 0 for tap in taps])
    return None


def _steps(size: int, out_size: int) -> list[int]:
    """Strides that a convolution from `size` to `out_size` pixels may have, the likeliest first; 1 and 2 are always
    among them, since a long dilated kernel leaves few positions at any stride.
    """
    if out_size == 1:
        return [1]
    likeliest = round(size / out_size)
    nearest = sorted(range(1, size + 1), key=lambda step: abs(step - likeliest))[:3]
    return [*dict.fromkeys([*nearest, 1, 2])]


def _shared(
    layer: SparseLayer,
    steps: tuple[int, int],
    taps: list[Tensor],
    channels: tuple[Tensor, Tensor],
    weight: Tensor,
) -> Tensor | None:
    """The kernel (out, in, high, wide), if each of its taps has one weight at all positions where it meets the image.

    `taps` are pixels from where the window of an entry's position begins, down and across.
    """
    if not len(weight):
        return weight.new_zeros(layer.out_shape[0], layer.in_shape[0], 1, 1)
    first = [int(tap.min()) for tap in taps]
    reach = [int(tap.max()) - least + 1 for tap, least in zip(taps, first)]
    shape = (layer.out_shape[0], layer.in_shape[0], *reach)
    if math.prod(shape) > _MOST:
        return None
    at = (*channels, *(tap - least for tap, least in zip(taps, first)))
    kernel = weight.new_zeros(shape).index_put(at, weight)
    counted = weight.new_zeros(shape).index_put(at, torch.ones_like(weight), accumulate=True)
    met = []
    for size, out_size, step, least, length in zip(layer.in_shape[1:], layer.out_shape[1:], steps, first, reach):
        pixels = step * torch.arange(out_size)[:, None] + least + torch.arange(length)
        met.append(((pixels >= 0) & (pixels < size)).sum(0))
    everywhere = met[0][:, None] * met[1] * (kernel != 0)
    return kernel if torch.equal(kernel[at], weight) and torch.equal(counted, everywhere.to(counted)) else None


def _layer(layer: SparseLayer, steps: tuple[int, int], kernel: Tensor, first: list[int]) -> nn.Module:
    """A convolution with this kernel, whose first tap lies `first` pixels from where a window begins."""
    out, within, *reach = kernel.shape
    before = [-least for least in first]
    after = [
        step * (out_size - 1) + length - size - pad
        for step, out_size, length, size, pad in zip(
            steps, layer.out_shape[1:], reach, layer.in_shape[1:], before, strict=True
        )
    ]
    plain = before == after and min(before) >= 0
    padding = (before[0], before[1]) if plain else (0, 0)
    conv = nn.Conv2d(within, out, (reach[0], reach[1]), steps, padding, bias=layer.bias is not None)
    conv.weight.copy_(kernel)
    if conv.bias is not None and layer.bias is not None:
        conv.bias.copy_(layer.bias)
    return conv if plain else nn.Sequential(nn.ZeroPad2d((before[1], after[1], before[0], after[0])), conv)
