"""Cut removed channels out of a masked network, and prove that the smaller network computes the same function."""

from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..channels import Trace, replace_, trace
from ..channels.graph import Use
from ..channels.trace import as_images
from ..errors import ModelError, PruningError
from ..models import copied
from .masks import Masks
from .proof import TOLERANCE_FLOAT64, Differs, check_copy, prove, say_paths


def shrink(model: nn.Module, masks: Masks | None, *, example: Tensor) -> nn.Module:
    """A copy of the network without the channels that do nothing; the given network is not touched.

    A channel goes when every layer that reads it finds zero there, or has only zero weights for it,
    through every addition that couples it to others. A channel that is another constant goes too where
    that constant can be moved into the bias of what reads it: exactly so after linear layers and
    convolutions without padding.

    The copy is compared with the masked network on `example` and on black, white and random images, in batches of
    several sizes, before it is given out: to 1e-5 of the largest logit, or, where a network amplifies rounding beyond
    that, to 1e-11 in float64. Copies are compared with the network itself first, whose closures they may share.
    It has new parameters (make the optimiser after shrinking) and the same module names.

    Args:
        model: not touched.
        masks: applied to the copy first; None takes the zeros that are there.
        example: one image or more, (batch, channels, height, width), on the model's device.
    Returns:
        The smaller network, in the mode of the given one; a plain copy where no channel can go, as is
        usual when single weights were pruned: zeros here and there make no network smaller.
    Raises:
        PruningError: the masks belong to another network, or the smaller network does not compute the
            same, which happens where sizes are written in the code.
    Reference:
        Li et al. 2017, sec. 3.1, for filters; constants into biases as in Gannon's PARANA package.
    """
    example = as_images(model, example)
    masked = _copy(model)
    if masks is not None:
        masks.apply_(masked)
    check_copy(masked, model, masks, example)
    found = trace(masked, example)
    goes = _removable(masked, found)
    if not goes.any():
        return masked
    say_paths(found)
    small = _cut(masked, found, goes)
    try:
        prove(small, masked, example)
    except Differs as error:
        _rule_out_rounding(masked, found, goes, example, error)
    return small


def _copy(model: nn.Module) -> nn.Module:
    try:
        return copied(model)
    except ModelError as error:
        raise PruningError(str(error)) from error


def _removable(model: nn.Module, found: Trace) -> Tensor:
    """Whether each channel can go: nothing reads it, or it is a constant that the bias of its readers can take over."""
    goes = found.free(torch.arange(len(found.root)))
    shared = _shared(found)
    for use in found.uses:
        foldable = use.value.isfinite() & (use.bias is not None) & (use.weight not in shared) & (not use.padded)
        unread = (use.value == 0) | foldable | _unread(model, use)
        goes[found.root[use.into[~unread]]] = False
    for ids, value in found.sums:
        goes[found.root[ids[value != 0]]] = False
    goes = goes[found.root]
    for axes in found.axes.values():  # a layer without channels cannot run: keep the first of them
        for ids in axes.values():
            if goes[ids].all():
                goes[found.root == found.root[ids[0]]] = False
    return goes


@torch.no_grad()
def _cut(masked: nn.Module, found: Trace, goes: Tensor) -> nn.Module:
    model = copied(masked)
    parameters = dict(model.named_parameters())
    for use in found.uses:
        folds = goes[use.into] & (use.value != 0) & ~_unread(model, use)
        if use.bias is not None and folds.any():
            weight = parameters[use.weight][:, folds.to(parameters[use.weight].device)]
            constant = use.value[folds].to(weight)
            parameters[use.bias].add_(weight.flatten(2).sum(2) @ constant if weight.dim() > 2 else weight @ constant)
    _rescale(parameters, found, goes)
    held: dict[str, Tensor] = {**parameters, **dict(model.named_buffers())}
    new: dict[str, Tensor] = {}
    for name, axes in found.axes.items():
        tensor = held[name].detach()
        for axis, ids in axes.items():
            if goes[ids].any():
                tensor = tensor.index_select(axis, (~goes[ids]).nonzero().flatten().to(tensor.device))
        if tensor.shape != held[name].shape:
            new[name] = tensor
    replace_(model, new)
    return model


def _rescale(parameters: Mapping[str, nn.Parameter], found: Trace, goes: Tensor) -> None:
    """Let queries make up for an attention that divides by the square root of fewer channels."""
    makers = {use.weight: use for use in found.uses}
    for queries in found.scaled:
        left = int((~goes[queries]).any(0).sum())
        for use in makers.values() if 0 < left < queries.shape[1] else ():
            factor = torch.ones(len(use.out), dtype=torch.float64)
            factor[torch.isin(use.out, queries)] = (left / queries.shape[1]) ** 0.5
            rows = parameters[use.weight].transpose(0, use.out_axis)
            rows.mul_(factor.to(rows).reshape(-1, *[1] * (rows.dim() - 1)))
            if use.bias is not None:
                parameters[use.bias].mul_(factor.to(rows))


def _unread(model: nn.Module, use: Use) -> Tensor:
    weight = model.get_parameter(use.weight).detach()
    return (weight == 0).transpose(0, 1 - use.out_axis).flatten(1).all(1).cpu()


def _shared(found: Trace) -> set[str]:
    """Weights that are used more than once: a constant of one use must not go into the bias of all."""
    uses = Counter(use.weight for use in found.uses)
    return {weight for weight, count in uses.items() if count > 1}


def _rule_out_rounding(masked: nn.Module, found: Trace, goes: Tensor, example: Tensor, differs: Differs) -> None:
    """Compare again in float64, where rounding is far smaller: networks that still differ are different functions."""
    exact = copied(masked).double()
    try:
        prove(_cut(exact, found, goes), exact, example.double(), tolerance=TOLERANCE_FLOAT64)
    except PruningError:
        raise differs from None
