"""Convolutions as sparse matrices: every application of a filter gets connections of its own.

What was one shared weight becomes one entry per position, which can be pruned by itself. The matrix is built entry by
entry; as an array most would be gigabytes of zeros.

Reference: Gannon 2018, "decoupled" layers; unlike the article's package, any stride, dilation, groups and padding.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from ..models import eval_mode
from ..pruning.layers import padded
from .sparse_layer import SparseLayer

_TOLERANCE = 1e-4  # of the largest logit: sums of up to thousands of float32 in another order


@torch.no_grad()
def unroll(conv: nn.Conv2d, size: tuple[int, int]) -> SparseLayer:
    """The matrix of a convolution for images of one size, (height, width), with the bias of each channel.

    Every tap that falls on the image is stored, zero or not; those on zero padding are dropped. With padding that
    repeats pixels, the weights that read the same pixel are one connection, their sum.

    Raises:
        ModelError: the kernel, or the padding, does not fit images of this size.
    """
    height, width = size
    kernel, out, within = conv.kernel_size, conv.out_channels, conv.in_channels // conv.groups
    reach = [dilation * (side - 1) + 1 for dilation, side in zip(conv.dilation, kernel)]
    # Every pixel carries its number, from 1: what padding and windows do with pixels, they do with numbers. Zeros pad.
    numbers = torch.arange(1, height * width + 1, dtype=torch.float64).view(1, height, width)
    try:
        numbers = padded(numbers, conv)
    except RuntimeError as error:
        raise ModelError(f"{conv.padding_mode} padding {conv.padding} does not fit {height}x{width} images") from error
    high, wide = numbers.shape[1:]
    if high < reach[0] or wide < reach[1]:
        raise ModelError(
            f"a kernel that reaches over {reach[0]}x{reach[1]} pixels does not fit {height}x{width} images"
        )
    pixels = F.unfold(numbers[None], kernel, conv.dilation, 0, conv.stride)[0].t().long() - 1  # (positions, taps)
    out_size = [(total - far) // step + 1 for total, far, step in zip((high, wide), reach, conv.stride)]
    first = torch.arange(out) // (out // conv.groups) * within
    channels = first[:, None] + torch.arange(within)  # (out, within), the input channels that each filter reads
    shape = (len(pixels), out, pixels.shape[1], within)
    stored = (pixels >= 0)[:, None, :, None].expand(shape)
    columns = (pixels[:, None, :, None] * conv.in_channels + channels[:, None]).int()[stored]
    taps = conv.weight.detach().flatten(2).transpose(1, 2).cpu()  # (out, taps, within)
    weight = taps.expand(shape)[stored]
    counts = ((pixels >= 0).sum(1) * within).repeat_interleave(out)
    if conv.padding_mode != "zeros":
        counts, columns, weight = _summed(counts, columns, weight, inputs=height * width * conv.in_channels)
    rows = torch.cat([counts.new_zeros(1), counts.cumsum(0)])[None]
    in_shape, out_shape = (conv.in_channels, height, width), (out, *out_size)
    layer = SparseLayer(rows, columns, weight, conv.bias, in_shape=in_shape, out_shape=out_shape)
    return layer.to(conv.weight.device).train(conv.training)


def decouple(model: nn.Module, example: Tensor, *, layers: str | Sequence[str] = ()) -> nn.Module:
    """A copy of a network with its convolutions unrolled for the size of the example's images.

    The copy is compared with the network on the example: logits to 1e-4 of the largest. Its connections are
    ordinary parameters, `conv1.weight` of shape (entries,), for `prune` and `Masks`; `sparsify` deletes what was
    pruned. It takes images of this size only.

    Args:
        model: not touched.
        example: one image or more, (batch, channels, height, width), on the model's device.
        layers: unroll these convolutions only, by name or pattern (`conv2`, `features.*`); empty for all.
    Raises:
        ModelError: no convolution ran, or none of that name; one ran on images of several sizes; or the copy computes
            something else.
    Reference:
        Gannon 2018, decoupled convolutional layers.
    """
    copied = copy.deepcopy(model)
    with watched(copied, nn.Conv2d) as seen, eval_mode(copied), torch.no_grad():
        wanted = copied(example)
    if not seen:
        raise ModelError(f"{type(model).__name__} runs no nn.Conv2d, so there is nothing to decouple")
    made = {}
    for name in _in_layers(seen, (layers,) if isinstance(layers, str) else layers):
        conv, inputs = copied.get_submodule(name), seen[name]
        assert isinstance(conv, nn.Conv2d)
        sizes = {(x.shape[-2], x.shape[-1]) for x in inputs}
        if len(sizes) > 1:
            raise ModelError(f"'{name}' runs on images of several sizes, {sorted(sizes)}; it cannot be one matrix")
        made[name] = unroll(conv, sizes.pop())
    put_in_place(copied, made)
    with eval_mode(copied), torch.no_grad():
        check_same(copied(example), wanted, "decoupled")
    return copied


def without_zeros(model: nn.Module) -> nn.Module:
    """A copy of a network whose sparse layers have no zero entries: pruned connections are deleted, not multiplied."""
    copied = copy.deepcopy(model)
    layers = {name: layer for name, layer in copied.named_modules() if isinstance(layer, SparseLayer)}
    put_in_place(copied, {name: layer.without_zeros() for name, layer in layers.items()})
    return copied


@contextmanager
def watched(model: nn.Module, *kinds: type[nn.Module]) -> Iterator[dict[str, list[Tensor]]]:
    """Within: what every module of these kinds is called with, by its name, as the network runs."""
    seen: dict[str, list[Tensor]] = {}
    handles = [
        module.register_forward_pre_hook(lambda _, args, name=name: seen.setdefault(name, []).append(args[0].detach()))
        for name, module in model.named_modules()
        if isinstance(module, kinds)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def put_in_place(model: nn.Module, made: Mapping[str, nn.Module]) -> None:
    """Other modules in the place of those with these names, wherever the same module is used."""
    new = {id(model.get_submodule(name)): module for name, module in made.items()}
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if id(module) in new:
            model.set_submodule(name, new[id(module)])


def check_same(logits: Tensor, wanted: Tensor, what: str) -> None:
    """Refuse other logits than those that are wanted.

    Raises:
        ModelError: they differ by more than rounding.
    """
    off, scale = float((logits - wanted).abs().max()), float(wanted.abs().max())
    if not off <= _TOLERANCE * scale:
        raise ModelError(
            f"the {what} network differs by {off:.2g} on the example, logits up to {scale:.2g}: keep the old"
        )


def _in_layers(names: Iterable[str], layers: Sequence[str]) -> list[str]:
    """The names that one of `layers` is, or fits as a pattern; all of them if it is empty."""
    names = list(names)
    for pattern in layers:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ModelError(f"layers: '{pattern}' is no convolution that ran; there are {', '.join(names)}")
    return [name for name in names if not layers or any(fnmatchcase(name, pattern) for pattern in layers)]


def _summed(counts: Tensor, columns: Tensor, weight: Tensor, *, inputs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Entries of one row and column as one."""
    own = torch.arange(len(counts)).repeat_interleave(counts)
    places, which = torch.unique(own * inputs + columns, return_inverse=True)
    total = weight.new_zeros(len(places)).index_add_(0, which, weight)
    return torch.bincount(places // inputs, minlength=len(counts)), places % inputs, total
