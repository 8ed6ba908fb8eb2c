"""Whether filters can also be cut out is tried when they are pruned, not hours of training later."""

import warnings
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..channels import Trace
from ..channels.groups import groups_of
from ..errors import PruningError
from ..models import BUILDERS
from .filters import filter_masks
from .shrink import shrink


def say_what_cannot_be_cut(model: nn.Module, found: Trace, scored: Iterable[str], example: Tensor) -> None:
    """Warn of filters that can be zeroed but not cut out, with the line of code that fails; the network is left as is.

    Every second channel of every group is cut out of a copy; where that fails, of one group after the other. Networks
    of `blackthorn.models` are known to shrink.
    """
    if (model.__dict__.get("architecture") or {}).get("kind") in BUILDERS:
        return
    layers = {name.rpartition(".")[0] for name in scored}
    groups = [one.producers for one in groups_of(found) if one.prunable and layers & set(one.producers)]
    if not groups or _failure(model, found, {name for one in groups for name in one}, example) is None:
        return
    said: dict[str, list[str]] = {}
    for producers in groups:
        failure = _failure(model, found, set(producers), example)
        if failure is not None:
            said.setdefault(failure, []).extend(f"'{name}'" for name in producers)
    for failure, names in said.items():
        warnings.warn(f"filters of {', '.join(names)} can be zeroed but not cut out: {failure}", stacklevel=4)


def _failure(model: nn.Module, found: Trace, layers: set[str], example: Tensor) -> str | None:
    """Why every second channel of these layers cannot be cut out, or None."""
    makers = {use.weight: found.root[use.out] for use in found.uses if use.weight.rpartition(".")[0] in layers}
    goes = torch.unique(torch.cat([out[found.free(out)] for out in makers.values()]))[::2]
    units = [
        ((name, filter_),)
        for name, out in makers.items()
        for filter_ in torch.isin(out, goes).nonzero().flatten().tolist()
    ]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shrink(model, filter_masks(model, makers, units, example), example=example)
    except PruningError as error:
        return str(error)
    return None
