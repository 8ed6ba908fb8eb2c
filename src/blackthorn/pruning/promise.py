"""Whether filters can also be cut out is tried when they are pruned, not hours of training later."""

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..channels import Trace
from ..channels.groups import groups_of
from ..errors import PruningError
from ..models import BUILDERS
from .filters import filter_masks
from .shrink import shrink


def keep_promises(
    model: nn.Module, found: Trace, scores: Mapping[str, Tensor], example: Tensor
) -> Mapping[str, Tensor]:
    """The scores without those of layers whose filters can be zeroed but not cut out; a warning names the line of code
    that fails. Where nothing else could be pruned, they stay. The network is left as it is.

    Every second channel of every group is cut out of a copy; where that fails, of one group after the other. Networks
    of `blackthorn.models` are known to shrink.
    """
    if (model.__dict__.get("architecture") or {}).get("kind") in BUILDERS:
        return scores
    layers = {name.rpartition(".")[0] for name in scores}
    groups = [one.producers for one in groups_of(found) if one.prunable and layers & set(one.producers)]
    if not groups or _failure(model, found, {name for one in groups for name in one}, example) is None:
        return scores
    said: dict[str, list[str]] = {}
    for producers in groups:
        failure = _failure(model, found, set(producers), example)
        if failure is not None:
            said.setdefault(failure, []).extend(f"'{name}'" for name in producers)
    failing = {name for names in said.values() for name in names}
    kept = {name: layer for name, layer in scores.items() if f"'{name.rpartition('.')[0]}'" not in failing}
    whole = "are left whole: they " if kept else ""
    for failure, names in said.items():
        warnings.warn(f"filters of {', '.join(names)} {whole}can be zeroed but not cut out: {failure}", stacklevel=4)
    return kept or scores


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
