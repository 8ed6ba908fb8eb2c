"""Channels through view, reshape and flatten: merged with other axes, split into groups, and put together again."""

from typing import Any

import torch
from torch import Tensor

from ..extent import Extent
from ..graph import ChannelGraph
from ..lines import line_of_caller
from .call import Call
from .views import moved


def reshape(graph: ChannelGraph, call: Call) -> bool:
    """The numbers of the channels are reshaped as the tensor is.

    Where channels are split over several axes, one of these must follow when there are fewer of them: it is -1 in the
    code, or computed from a size that was read off a tensor. The channels of one index of it then go together.
    """
    flow, result = call.spread(graph), call.result
    if flow is None or not isinstance(result, Tensor) or result is call.args[0]:
        return moved(graph, call) if flow is None else result is call.args[0]
    old, new = list(call.args[0].shape), list(result.shape)
    pieces = [piece for piece in _pieces(old, new) if set(piece[0]) & set(flow.axes)]
    before, after = ([axis for piece in pieces for axis in piece[side]] for side in (0, 1))
    placed = [old[axis] if axis in flow.axes else 1 for axis in before]
    ids, value = (
        one.reshape(placed).expand([old[axis] for axis in before]).reshape([new[axis] for axis in after])
        for one in (flow.ids, flow.value)
    )
    vary = [at for at in range(len(after)) if _varies(ids, at) or _varies(value.nan_to_num(7.25), at)] or [0]
    for at in reversed(range(len(after))):
        if at not in vary:
            ids, value = ids.select(at, 0), value.select(at, 0)
    axes = [after[at] for at in vary]
    asked = _asked(call, len(new))
    for _, made in pieces:
        _follow(graph, ids, [(axes.index(axis), asked[axis]) for axis in made if axis in axes], call)
    return graph.put(result, tuple(axes), ids, value)


def hold(graph: ChannelGraph, ids: Tensor, at: int) -> None:
    """Say that an axis of split channels keeps its length: the channels along it stay or go together."""
    graph.couple(ids, ids.select(at, 0).unsqueeze(at))


def _follow(graph: ChannelGraph, ids: Tensor, split: list[tuple[int, Any]], call: Call) -> None:
    """Say which of the axes that channels were split over follows, and tie it to the channels that it counts."""
    extents = [(at, size) for at, size in split if isinstance(size, Extent)]
    if len(split) > 1:
        free = [at for at, size in split if isinstance(size, int) and size == -1] + [at for at, _ in extents]
        if not free:
            sizes = ", ".join(str(ids.shape[at]) for at, _ in split)
            graph.pin(ids, f"is split into {sizes}, sizes that are written in the code{line_of_caller()}")
            return
        first = ids.movedim(free[0], 0).flatten(1)
        graph.couple(first, first[:, :1])
        for at, extent in extents:
            if at != free[0]:
                graph.pin(extent.of, f"is the size of a part in '{call.name}'{line_of_caller()}")
        extents = [(at, size) for at, size in extents if at == free[0]]
    for at, extent in extents:
        along = ids.movedim(at, 0).reshape(ids.shape[at], -1)[:, 0]
        parts = extent.share.denominator
        if set(extent.of.tolist()) == set(ids.flatten().tolist()):
            continue
        if extent.share.numerator == 1 and len(extent.of) == parts * len(along):
            graph.couple(extent.of.reshape(parts, -1), along[None])
        else:
            graph.pin(extent.of, f"is the size of other channels in '{call.name}'{line_of_caller()}")
            graph.pin(ids, f"has the size of other channels in '{call.name}'{line_of_caller()}")


def _pieces(old: list[int], new: list[int]) -> list[tuple[list[int], list[int]]]:
    """Which axes became which: the shortest runs of axes with as many entries before as after."""
    pieces: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        before, after = [i], [j]
        one, other = old[i], new[j]
        i, j = i + 1, j + 1
        while one != other:
            if one < other:
                one, i = one * old[i], i + 1
                before.append(i - 1)
            else:
                other, j = other * new[j], j + 1
                after.append(j - 1)
        pieces.append((before, after))
    if pieces:  # what is left has length 1
        pieces[-1][0].extend(range(i, len(old)))
        pieces[-1][1].extend(range(j, len(new)))
    return pieces


def _varies(ids: Tensor, at: int) -> bool:
    return not torch.equal(ids, ids.select(at, 0).unsqueeze(at).expand_as(ids))


def _asked(call: Call, axes: int) -> list[Any]:
    """The sizes that the code asks for; -1 where it names none."""
    sizes = list(call.args[1:]) or [one for key, one in call.options.items() if key in ("shape", "size")]
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = list(sizes[0])
    if call.name == "unflatten":
        given = call.bound("input dim sizes")
        after = call.args[0].dim() - 1 - given["dim"] % call.args[0].dim()
        return [-1] * (axes - after - len(given["sizes"])) + list(given["sizes"]) + [-1] * after
    return sizes if call.name in ("view", "reshape") and len(sizes) == axes else [-1] * axes
