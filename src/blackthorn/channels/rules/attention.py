"""Channels through attention: whole heads go together, or the same channels of every head."""

import torch
from torch import Tensor

from ..graph import ChannelGraph, Flow, varies
from .call import Call, only_zeros


def attention(graph: ChannelGraph, call: Call) -> bool:
    """`scaled_dot_product_attention`: queries and keys are multiplied channel by channel, values are averaged."""
    given = call.bound("query key value attn_mask dropout_p is_causal scale enable_gqa")
    query, key, value = (graph.spread(given[name]) for name in ("query", "key", "value"))
    if query is None or key is None or value is None or not _alike(query, key, value, call.result.dim() - 1):
        return False
    if graph.spread(given["attn_mask"]) is not None:
        return False
    _multiplied(graph, query.ids, query.value, key.ids, key.value)
    graph.couple(query.ids[..., 0], value.ids[..., 0])
    queries = query.ids.reshape(-1, query.ids.shape[-1])
    if given["scale"] is None and not any(torch.equal(queries, other) for other in graph.scaled):
        graph.scaled.append(queries)
    return graph.put(call.result, value.axes, value.ids, only_zeros(value.value))


def matmul(graph: ChannelGraph, call: Call) -> bool:
    """A product of two tensors, as attention is written by hand; or with a weight, (in, out)."""
    if len(call.args) < 2 or not isinstance(call.result, Tensor):
        return False
    one, other = call.args[:2]
    left, right, result = graph.spread(one), graph.spread(other), call.result
    if right is None and other.dim() == 2 and graph.named(other) is not None:
        return _weighs(graph, call)
    if min(one.dim(), other.dim()) < 2 or one.dim() != other.dim():
        return False
    last, before = result.dim() - 1, result.dim() - 2
    if left is not None and right is not None and last in left.axes and before in right.axes:
        first, second = _to_end(left, last), _to_end(right, before)
        heads_of = [tuple(axis for axis in flow.axes if axis < before) for flow in (left, right)]
        if heads_of[0] != heads_of[1] or first.ids.shape != second.ids.shape:
            return False
        _multiplied(graph, first.ids, first.value, second.ids, second.value)
        heads = first.ids[..., 0]
        return not left.axes[:-1] or graph.put(result, left.axes[:-1], heads, varies(heads))
    if right is not None and last in right.axes and before not in right.axes:
        if left is not None:
            if left.axes != right.axes[:-1]:
                return False
            graph.couple(left.ids, right.ids[..., 0])
        elif len(right.axes) > 1:
            return False
        return graph.put(result, right.axes, right.ids, only_zeros(right.value))
    if left is not None and right is None and last not in left.axes and other.shape[:-2].numel() == 1:
        return graph.put(result, left.axes, left.ids, only_zeros(left.value))
    return False


def _weighs(graph: ChannelGraph, call: Call) -> bool:
    weight, flow = call.args[1], graph.flow(call.args[0])
    if id(weight) not in graph.names or (flow is not None and flow.axis != call.args[0].dim() - 1):
        return False

    def constants(weight: Tensor, bias: Tensor | None, value: Tensor, *, padded: bool) -> Tensor:
        zero = ~(weight[:, (value != 0).to(weight.device)] != 0).any(1)
        return torch.where(zero.cpu(), 0.0, float("nan")).double()

    return graph.layer(flow, weight, None, call.result, call.result.dim() - 1, constants, padded=True, out_axis=1)


def _multiplied(graph: ChannelGraph, one: Tensor, its: Tensor, other: Tensor, its_other: Tensor) -> None:
    """Products of channels are added up: a pair may go if one of the two is zero."""
    graph.couple(one, other)
    zero = torch.where((its == 0) | (its_other == 0), 0.0, float("nan"))
    graph.add_up(one, zero)
    graph.add_up(other, zero)


def _alike(query: Flow, key: Flow, value: Flow, last: int) -> bool:
    same = query.axes == key.axes == value.axes and query.ids.shape == key.ids.shape == value.ids.shape
    return same and last in query.axes and last - 1 not in query.axes


def _to_end(flow: Flow, axis: int) -> Flow:
    at = flow.axes.index(axis)
    return Flow(flow.axes, flow.ids.movedim(at, -1), flow.value.movedim(at, -1))
