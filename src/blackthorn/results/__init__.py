"""What was measured, typed: records, the grid that they stand in, and how sure a number is. Nothing loads torch.

Exporting a record class here, and adding it to `AnyRecord`, lets measures give it, stores keep it and pages show it.
"""

from typing import Annotated

from pydantic import Field

from .accuracy import AccuracyRecord as AccuracyRecord
from .cost import CostRecord as CostRecord
from .detection import DetectionRecord as DetectionRecord
from .grid import Cell as Cell
from .grid import Grid as Grid
from .grid import Place as Place
from .grid import Row as Row
from .pruning_curve import PruningCurveRecord as PruningCurveRecord
from .record import Record as Record
from .record import record as record
from .record import to_json as to_json

AnyRecord = Annotated[
    AccuracyRecord | CostRecord | PruningCurveRecord | DetectionRecord, Field(discriminator="measure")
]
"""Every record that a measure can give, told apart by `measure`."""

__all__ = [
    "AccuracyRecord",
    "AnyRecord",
    "Cell",
    "CostRecord",
    "DetectionRecord",
    "Grid",
    "Place",
    "PruningCurveRecord",
    "Record",
    "Row",
    "record",
    "to_json",
]
