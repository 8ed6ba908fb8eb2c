"""Scores -> masks -> a smaller network with the same function."""

from typing import Annotated

from pydantic import Field

from .criterion import Criterion as Criterion
from .filter_criteria import FilterNorm as FilterNorm
from .groups import ChannelGroup as ChannelGroup
from .groups import channel_groups as channel_groups
from .hold import Hold as Hold
from .masks import Masks as Masks
from .prune import prune as prune
from .resize import replace_ as replace_
from .resize import resize_ as resize_
from .shrink import shrink as shrink
from .sparsity import Sparsity as Sparsity
from .sparsity import sparsity as sparsity
from .weight_criteria import Magnitude as Magnitude

AnyCriterion = Annotated[Magnitude | FilterNorm, Field(discriminator="kind")]
"""Every criterion a recipe can name, told apart by `kind`."""

__all__ = [
    "AnyCriterion",
    "ChannelGroup",
    "Criterion",
    "FilterNorm",
    "Hold",
    "Magnitude",
    "Masks",
    "Sparsity",
    "channel_groups",
    "prune",
    "replace_",
    "resize_",
    "shrink",
    "sparsity",
]
