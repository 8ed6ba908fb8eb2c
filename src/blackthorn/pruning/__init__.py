"""Scores -> masks -> a smaller network with the same function."""

from typing import Annotated

from pydantic import Field

from ..channels.groups import ChannelGroup as ChannelGroup
from ..channels.groups import channel_groups as channel_groups
from ..channels.resize import replace_ as replace_
from ..channels.resize import resize_ as resize_
from .activated_value import ActivatedValue as ActivatedValue
from .criterion import Criterion as Criterion
from .criterion import Wanted as Wanted
from .criterion import wanted as wanted
from .filter_criteria import FilterNorm as FilterNorm
from .hold import Hold as Hold
from .masks import Masks as Masks
from .prune import masks_for as masks_for
from .prune import prune as prune
from .shrink import shrink as shrink
from .sparsity import Sparsity as Sparsity
from .sparsity import sparsity as sparsity
from .weight_criteria import Magnitude as Magnitude

AnyCriterion = Annotated[Magnitude | FilterNorm | ActivatedValue, Field(discriminator="kind")]
"""Every criterion a recipe can name, told apart by `kind`."""

__all__ = [
    "ActivatedValue",
    "AnyCriterion",
    "ChannelGroup",
    "Criterion",
    "FilterNorm",
    "Hold",
    "Magnitude",
    "Masks",
    "Sparsity",
    "Wanted",
    "channel_groups",
    "masks_for",
    "prune",
    "replace_",
    "resize_",
    "shrink",
    "sparsity",
    "wanted",
]
