"""Channel groups: the parameters that share channel axes, found on any network by running it once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .trace import Trace, trace


@dataclass(frozen=True)
class ChannelGroup:
    """Layers whose channels stay or go together, named after the first layer that makes them.

    A plain chain has one producer and one consumer; a residual stream has every layer that adds to it.
    """

    name: str
    producers: tuple[str, ...]
    """Modules that make the channels, in the order they run."""
    norms: tuple[str, ...]
    """Norms and depthwise convolutions, which work on each channel by itself."""
    consumers: tuple[str, ...]
    """Modules that read the channels."""
    channels: int
    """How many channels there are; one number stands for a channel of every producer, or for several that go together,
    such as those of the same place in every group of a shuffle."""
    prunable: bool
    """Whether channels can go: any of them, as next to channels of zeros that `F.pad` adds."""
    reason: str | None
    """Why not, if not prunable."""
    index: Mapping[str, Mapping[int, Tensor]] = field(repr=False, compare=False)
    """Parameter or buffer -> axis -> the channel, from 0 to `channels` - 1, of each index of that axis; -1 where an
    index belongs to another group, as after a concatenation. A linear layer after flatten has each channel often."""


def channel_groups(model: nn.Module, example: Tensor) -> list[ChannelGroup]:
    """The channel groups of a network, in the order they run; the network is left as it was.

    Args:
        model: any network.
        example: one image or more, (batch, channels, height, width), on the model's device.
    Raises:
        PruningError: the network cannot run on the example.
    """
    return groups_of(trace(model, example))


def groups_of(found: Trace) -> list[ChannelGroup]:
    """Sort what a trace saw into groups."""
    owner = torch.arange(len(found.root))[found.root]
    for use in found.uses:  # a layer's channels belong to one group, and so do groups that share a channel
        members = owner[use.out]
        owner[torch.isin(owner, members)] = members.min()
    groups = []
    for key in dict.fromkeys(int(owner[use.out[0]]) for use in found.uses):
        ids = (owner == key).nonzero().flatten()
        makers = tuple(dict.fromkeys(_module(u.weight) for u in found.uses if int(owner[u.out[0]]) == key))
        readers = tuple(dict.fromkeys(_module(u.weight) for u in found.uses if bool((owner[u.into] == key).any())))
        between = tuple(name for name, on in found.followers.items() if bool((owner[on] == key).any()))
        reason = None if found.free(ids).any() else found.reason(ids)
        number, count = _numbered(found, ids)
        index = _index(found, number)
        groups.append(ChannelGroup(makers[0], makers, between, readers, count, reason is None, reason, index))
    return groups


def _numbered(found: Trace, ids: Tensor) -> tuple[Tensor, int]:
    """Channel number of the trace -> channel of the group with these, from 0, or -1; and how many there are."""
    members = torch.unique(found.root[ids])
    number = torch.full((len(found.root),), -1)
    number[members] = torch.arange(len(members))
    return number[found.root], len(members)


def _index(found: Trace, number: Tensor) -> dict[str, dict[int, Tensor]]:
    index: dict[str, dict[int, Tensor]] = {}
    for name, axes in found.axes.items():
        for axis, ids in axes.items():
            if bool((number[ids] >= 0).any()):
                index.setdefault(name, {})[axis] = number[ids]
    return index


def _module(parameter: str) -> str:
    return parameter.rpartition(".")[0] or parameter  # a matrix that the network holds itself
