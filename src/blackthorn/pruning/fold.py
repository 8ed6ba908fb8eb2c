"""Fold gates away: a plain network, without the units that they closed, that computes what the gated one expects."""

import torch
from torch import Tensor, nn

from ..channels import Trace, trace
from ..channels.graph import Use
from ..errors import PruningError
from ..gates import Place, places
from ..gates.gating import detach
from ..models import copied
from .proof import TOLERANCE_FLOAT64, Differs, prove
from .shrink import shrink


def fold_gates(model: nn.Module, *, example: Tensor, exact: bool = True) -> nn.Module:
    """A plain network that computes what the gated one does in eval mode, cut down to the units that are open.

    The expected mask of every gate is multiplied into the weights and biases of its layer, and the channels that then
    do nothing are cut out (`shrink`).

    A closed channel is zero where its gate masks it, but a norm or an activation can turn this zero into another
    constant. Linear layers and convolutions without padding take such a constant into their bias. A convolution that
    pads with zeros cannot: at the border it reads zeros instead of the constant. There, one closed channel stays and
    stands for all of them, with the weights by which the others were read, scaled by their constants and added up. The
    sum is the same function at every place, whatever the size of the image; a map of biases, one for each position,
    would need as many numbers as a layer has outputs, and a layer of its own to add them.

    Args:
        model: has gates; not touched.
        example: one image or more, (batch, channels, height, width), on the model's device.
        exact: False cuts these channels out too and drops their constants: a smaller network that computes something
            else, whose accuracy must be measured again.
    Returns:
        The network without gates, in the mode of the given one; parameters are new.
    Raises:
        PruningError: the network has no gates, every unit of a layer without another way around it is closed, or the
            folded network does not compute the same.
    Reference:
        Madaan et al. 2020, whose code counts closed units and removes none.
    """
    return shrink(without_gates(model, example=example, exact=exact), None, example=example)


def without_gates(model: nn.Module, *, example: Tensor, exact: bool = True) -> nn.Module:
    """The network of `fold_gates` before anything is cut out of it: of full size, with zeros for what is closed.

    Raises:
        PruningError: as `fold_gates`.
    """
    plain = _folded(model, example, exact=exact)
    if exact:
        try:
            prove(plain, model, example)
        except Differs as differs:
            _rule_out_rounding(model, example, differs)
    return plain


@torch.no_grad()
def _folded(model: nn.Module, example: Tensor, *, exact: bool) -> nn.Module:
    if not places(model):
        raise PruningError("the network has no gates to fold; insert them first (gates.insert_gates) and train it")
    plain = copied(model)
    for place in places(plain):
        _multiply(plain.get_submodule(place.layer), place)
    detach(plain)
    found = trace(plain, example)
    for use in found.uses:
        _gather(plain, found, use, exact=exact)
    return plain


def _multiply(layer: nn.Module, place: Place) -> None:
    """The mask times the filters, or the columns, of a layer; a mask of the output takes the bias along."""
    weight, bias, mask = layer.get_parameter("weight"), getattr(layer, "bias", None), place.mask
    transposed = isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d))
    axis = int(transposed) if place.side == "output" else 1
    mask = mask.to(weight)
    weight.mul_(mask.reshape([-1 if at == axis else 1 for at in range(weight.dim())]))
    if place.side == "output" and bias is not None:
        bias.mul_(mask)


def _gather(model: nn.Module, found: Trace, use: Use, *, exact: bool) -> None:
    """Let one of the constant channels that a layer reads stand for all that its bias cannot take over."""
    weight = model.get_parameter(use.weight)
    into = weight.transpose(0, use.out_axis)  # (out, in, ...), a view
    read = (into != 0).transpose(0, 1).flatten(1).any(1).cpu()
    shared = sum(other.weight == use.weight for other in found.uses) > 1
    constant = use.value.isfinite() & (use.value != 0) & found.free(use.into) & read
    if shared or not constant.any() or (use.bias is not None and not use.padded):
        return
    at = constant.nonzero().flatten()
    values = use.value[at]
    carrier = int(values.abs().argmax())  # the largest: the scaled weights stay as small as they can be
    scaled = into[:, at] * (values / values[carrier]).to(weight).reshape(1, -1, *[1] * (into.dim() - 2))
    into[:, at] = 0.0
    if exact:
        into[:, at[carrier]] = scaled.sum(1)


def _rule_out_rounding(model: nn.Module, example: Tensor, differs: Differs) -> None:
    """Compare again in float64, where rounding is far smaller: networks that still differ are different functions."""
    whole, images = copied(model).double(), example.double()
    try:
        prove(_folded(whole, images, exact=True), whole, images, tolerance=TOLERANCE_FLOAT64)
    except PruningError:
        raise differs from None
