"""Boxes through a whole network, step by step."""

from .boxes import Box
from .operation import Network
from .rounding import Rounding


def propagate(network: Network, box: Box, rounding: Rounding) -> list[Box]:
    """A box for the tensor at every place; the images' own is the first."""
    boxes = [box]
    for step in network.steps:
        boxes.append(step.operation.interval([boxes[place] for place in step.inputs], rounding))
    return boxes
