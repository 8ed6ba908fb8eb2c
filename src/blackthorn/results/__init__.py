"""What was measured, typed: records, the grid that they stand in, and how sure a number is. Nothing loads torch.

Exporting a record class here, and adding it to `AnyRecord`, lets measures give it, stores keep it and pages show it.
"""

from typing import Annotated

from pydantic import Field

from .accuracy import AccuracyRecord as AccuracyRecord
from .certified import CertifiedRecord as CertifiedRecord
from .cost import CostRecord as CostRecord
from .counted import CountedRecord as CountedRecord
from .detection import DetectionRecord as DetectionRecord
from .estimates import alarms as alarms
from .estimates import difference as difference
from .estimates import estimate as estimate
from .fragility import FragilityRecord as FragilityRecord
from .grid import Cell as Cell
from .grid import Grid as Grid
from .grid import Place as Place
from .grid import Row as Row
from .images import Half as Half
from .images import evenly as evenly
from .images import how_many as how_many
from .loss_surface import LossSurfaceRecord as LossSurfaceRecord
from .planted import PlantedRecord as PlantedRecord
from .pruning_curve import PruningCurveRecord as PruningCurveRecord
from .published import Published as Published
from .record import Record as Record
from .record import record as record
from .record import to_json as to_json
from .robust_images import RobustImagesRecord as RobustImagesRecord
from .statistics import Difference as Difference
from .statistics import Estimate as Estimate
from .statistics import Reading as Reading
from .statistics import compare as compare
from .statistics import mean_interval as mean_interval
from .statistics import over_seeds as over_seeds
from .statistics import wilson as wilson
from .vulnerability import VulnerabilityRecord as VulnerabilityRecord
from .vulnerability_map import VulnerabilityMapRecord as VulnerabilityMapRecord

AnyRecord = Annotated[
    AccuracyRecord
    | CertifiedRecord
    | CostRecord
    | CountedRecord
    | DetectionRecord
    | LossSurfaceRecord
    | FragilityRecord
    | PlantedRecord
    | PruningCurveRecord
    | RobustImagesRecord
    | VulnerabilityMapRecord
    | VulnerabilityRecord,
    Field(discriminator="measure"),
]
"""Every record that a measure, or a stage that makes images, can give, told apart by `measure`."""

__all__ = [
    "AccuracyRecord",
    "AnyRecord",
    "Cell",
    "CertifiedRecord",
    "CostRecord",
    "CountedRecord",
    "DetectionRecord",
    "Difference",
    "Estimate",
    "FragilityRecord",
    "Grid",
    "Half",
    "LossSurfaceRecord",
    "Place",
    "PlantedRecord",
    "PruningCurveRecord",
    "Published",
    "Reading",
    "Record",
    "RobustImagesRecord",
    "Row",
    "VulnerabilityMapRecord",
    "VulnerabilityRecord",
    "alarms",
    "compare",
    "difference",
    "estimate",
    "evenly",
    "how_many",
    "mean_interval",
    "over_seeds",
    "record",
    "to_json",
    "wilson",
]
