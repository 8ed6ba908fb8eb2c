"""Numbers about a network: accuracy with its uncertainty, and cost."""

from typing import Annotated

from pydantic import Field

from ..results import Difference as Difference
from ..results import compare as compare
from ..results import mean_interval as mean_interval
from ..results import wilson as wilson
from .accuracy import Accuracy as Accuracy
from .accuracy import Measured as Measured
from .accuracy import evenly as evenly
from .accuracy import natural_flags as natural_flags
from .bookkeeping import Books as Books
from .bookkeeping import books as books
from .certified import Certified as Certified
from .cost import Cost as Cost
from .cost import cost_records as cost_records
from .counted import Counted as Counted
from .counting import bytes_on_disk as bytes_on_disk
from .counting import macs as macs
from .counting import nonzero as nonzero
from .counting import parameters as parameters
from .detection import Detection as Detection
from .fragility import Fragility as Fragility
from .highest_rate import Highest as Highest
from .highest_rate import highest_rate as highest_rate
from .latency import Latency as Latency
from .latency import latency as latency
from .loss_surface import LossSurface as LossSurface
from .measure import Measure as Measure
from .measure import Measurement as Measurement
from .measure import Subject as Subject
from .planted import PlantedExamples as PlantedExamples
from .planting import Planting as Planting
from .planting import plant_and_seek as plant_and_seek
from .pruning_curve import PruningCurve as PruningCurve
from .sanity import sanity as sanity
from .sources import AnySource as AnySource
from .sources import SourceNetwork as SourceNetwork
from .sources import Unpruned as Unpruned
from .sources import source_for as source_for
from .vulnerability import Moved as Moved
from .vulnerability import Vulnerability as Vulnerability
from .vulnerability import features_moved as features_moved
from .vulnerability_map import LatentMaps as LatentMaps
from .vulnerability_map import VulnerabilityMap as VulnerabilityMap

AnyMeasure = Annotated[
    Accuracy
    | Certified
    | Cost
    | Counted
    | Detection
    | Fragility
    | LossSurface
    | PlantedExamples
    | PruningCurve
    | Vulnerability
    | VulnerabilityMap,
    Field(discriminator="kind"),
]
"""Every measure a recipe can name, told apart by `kind`."""

__all__ = [
    "Accuracy",
    "AnyMeasure",
    "AnySource",
    "Books",
    "Certified",
    "Cost",
    "Counted",
    "Detection",
    "Difference",
    "Fragility",
    "Highest",
    "Latency",
    "LatentMaps",
    "LossSurface",
    "Measure",
    "Measured",
    "Measurement",
    "Moved",
    "PlantedExamples",
    "Planting",
    "PruningCurve",
    "SourceNetwork",
    "Subject",
    "Unpruned",
    "Vulnerability",
    "VulnerabilityMap",
    "books",
    "bytes_on_disk",
    "compare",
    "cost_records",
    "evenly",
    "features_moved",
    "highest_rate",
    "latency",
    "macs",
    "mean_interval",
    "natural_flags",
    "nonzero",
    "parameters",
    "plant_and_seek",
    "sanity",
    "source_for",
    "wilson",
]
