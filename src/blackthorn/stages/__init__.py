"""The kinds of stages that a recipe consists of: one file each, with its options, its needs and what it does.

A step that is exported here, and added to `Step`, can be written in recipes.
"""

from typing import Annotated

from pydantic import Field

from .decouple import Decouple as Decouple
from .export import Export as Export
from .gate import FoldGates as FoldGates
from .gate import InsertGates as InsertGates
from .images import AdversarialImages as AdversarialImages
from .load import Built as Built
from .load import Held as Held
from .load import Load as Load
from .measure import Measuring as Measuring
from .prune import Prune as Prune
from .robust_images import RobustImages as RobustImages
from .shrink import Shrink as Shrink
from .stage import Need as Need
from .stage import Stage as Stage
from .stage import Task as Task
from .stage import Work as Work
from .train import Augmentation as Augmentation
from .train import Train as Train

Step = Annotated[Train | Prune | Shrink | Decouple | InsertGates | FoldGates | Export, Field(discriminator="kind")]
"""Every step that a network of a recipe can go through, told apart by `kind`."""

AnyImages = Annotated[AdversarialImages | RobustImages, Field(discriminator="kind")]
"""Every way in which a recipe can make images, told apart by `kind`."""

__all__ = [
    "AdversarialImages",
    "AnyImages",
    "Augmentation",
    "Built",
    "Decouple",
    "Export",
    "FoldGates",
    "Held",
    "InsertGates",
    "Load",
    "Measuring",
    "Need",
    "Prune",
    "RobustImages",
    "Shrink",
    "Stage",
    "Step",
    "Task",
    "Train",
    "Work",
]
