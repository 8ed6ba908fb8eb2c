"""Channels that become pixels, and pixels that become channels."""

from ..graph import ChannelGraph
from .call import Call, only_zeros


def pixel_shuffle(graph: ChannelGraph, call: Call) -> bool:
    """Every `factor ** 2` channels become one: they go together."""
    given = call.bound("input upscale_factor")
    flow = graph.flow(given["input"])
    if flow is None or flow.axis != given["input"].dim() - 3:
        return False
    ids = flow.ids.reshape(-1, given["upscale_factor"] ** 2)
    graph.couple(ids, ids[:, :1])
    value = only_zeros(flow.value).reshape(ids.shape).sum(1)
    return graph.put(call.result, flow.axis, ids[:, 0], value)


def pixel_unshuffle(graph: ChannelGraph, call: Call) -> bool:
    """Every channel becomes `factor ** 2`."""
    given = call.bound("input downscale_factor")
    flow = graph.flow(given["input"])
    if flow is None or flow.axis != given["input"].dim() - 3:
        return False
    times = given["downscale_factor"] ** 2
    held = flow.value.repeat_interleave(times)
    return graph.put(call.result, flow.axis, flow.ids.repeat_interleave(times), held)
