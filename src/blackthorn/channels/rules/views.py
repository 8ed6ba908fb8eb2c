"""Parameters on their way to where they meet channels: views of them, and functions of single entries."""

from torch import Tensor

from ..graph import ChannelGraph
from ..views import View
from .call import Call

_TEMPLATES = frozenset(["expand_as", "view_as", "reshape_as", "type_as"])  # read the form of their second tensor alone


def moved(graph: ChannelGraph, call: Call) -> bool:
    """A view, or a part, of a parameter: the same call on the places of its entries says where each entry went."""
    view = graph.view(call.args[0]) if call.args else None
    if view is None:
        return call.name in _TEMPLATES
    try:
        gone = call.func(view.places.to(call.args[0].device), *call.args[1:], **call.options)
    except (RuntimeError, TypeError, ValueError):
        return False
    one = isinstance(call.result, Tensor)
    for result, places in zip([call.result] if one else call.result, [gone] if one else gone):
        graph.put_view(result, View(view.name, places.cpu(), view.shape))
    return True


def touched(graph: ChannelGraph, call: Call) -> bool:
    """A function of each entry of a parameter by itself: sigmoid(scale), or 1 + scale."""
    views = [graph.view(arg) for arg in call.args if isinstance(arg, Tensor)]
    (view,) = views if len(views) == 1 else (None,)
    if view is None or not isinstance(call.result, Tensor) or call.result.shape != view.places.shape:
        return False
    graph.put_view(call.result, view)
    return True
