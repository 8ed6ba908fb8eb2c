"""Which layer makes the logits: the trace is asked, since the order in which layers are written down says nothing."""

import warnings

from torch import Tensor, nn

from ..channels import trace
from ..channels.trace import as_images
from ..errors import PruningError
from .example import example_of
from .layers import prunable_weights


def output_weights(model: nn.Module, x: Tensor | None = None, *, say: bool = True) -> list[str]:
    """The weights that make the logits: nearly always one.

    Args:
        model: left as it was.
        x: images, to run the network on the first; not needed for networks of `blackthorn.models`.
        say: warn where there is no image, and the last weight of the model is taken by convention.
    """
    weights = prunable_weights(model)
    if x is not None:
        as_images(model, x)
    try:
        found = [name for name in trace(model, example_of(model, x)).output if name in weights]
    except PruningError:
        found = []
    last = list(weights)[-1]
    if not found and say and not isinstance(model, nn.Sequential):
        warnings.warn(f"'{last}' is taken for the layer of the logits, as the last in the model; pass x=", stacklevel=3)
    return found or [last]


def without(weights: dict[str, nn.Parameter], names: list[str]) -> dict[str, nn.Parameter]:
    """The weights but for these."""
    return {name: weight for name, weight in weights.items() if name not in names}
