"""Numbers about a network: accuracy with its uncertainty, and cost."""

from typing import Annotated

from pydantic import Field

from ..results.statistics import Paired as Paired
from ..results.statistics import mean_interval as mean_interval
from ..results.statistics import paired as paired
from ..results.statistics import wilson as wilson
from .accuracy import Accuracy as Accuracy
from .accuracy import Measured as Measured
from .accuracy import evenly as evenly
from .accuracy import natural_flags as natural_flags
from .cost import bytes_on_disk as bytes_on_disk
from .cost import macs as macs
from .cost import nonzero as nonzero
from .cost import parameters as parameters
from .detection import Detection as Detection
from .highest_rate import Highest as Highest
from .highest_rate import highest_rate as highest_rate
from .latency import Latency as Latency
from .latency import latency as latency
from .pruning_curve import PruningCurve as PruningCurve
from .records import Cost as Cost
from .records import cost_records as cost_records
from .sanity import sanity as sanity
from .sources import AnySource as AnySource
from .sources import SourceNetwork as SourceNetwork

AnyMeasure = Annotated[Accuracy | Cost | PruningCurve | Detection, Field(discriminator="kind")]
"""Every measure a recipe can name, told apart by `kind`."""

__all__ = [
    "Accuracy",
    "AnyMeasure",
    "AnySource",
    "Cost",
    "Detection",
    "Highest",
    "Latency",
    "Measured",
    "Paired",
    "PruningCurve",
    "SourceNetwork",
    "bytes_on_disk",
    "cost_records",
    "evenly",
    "highest_rate",
    "latency",
    "macs",
    "mean_interval",
    "natural_flags",
    "nonzero",
    "paired",
    "parameters",
    "sanity",
    "wilson",
]
