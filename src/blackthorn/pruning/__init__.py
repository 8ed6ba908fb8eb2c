"""Pruning: criteria score, allocation decides, masks remember, and `shrink` cuts out what does nothing."""

from ..channels import ChannelGroup as ChannelGroup
from ..channels import channel_groups as channel_groups
from ..channels import replace_ as replace_
from ..channels import resize_ as resize_
from .admm import ADMM as ADMM
from .criteria import FPGM as FPGM
from .criteria import RFP as RFP
from .criteria import ActivatedValue as ActivatedValue
from .criteria import AnyCriterion as AnyCriterion
from .criteria import Criterion as Criterion
from .criteria import FilterNorm as FilterNorm
from .criteria import Magnitude as Magnitude
from .criteria import RandomFilters as RandomFilters
from .criteria import Wanted as Wanted
from .fold import fold_gates as fold_gates
from .fold import without_gates as without_gates
from .hold import Hold as Hold
from .masks import Masks as Masks
from .prune import masks_by_scores as masks_by_scores
from .prune import masks_for as masks_for
from .prune import prune as prune
from .prune import prune_by as prune_by
from .pruning import Pruning as Pruning
from .shrink import shrink as shrink
from .sparsity import Sparsity as Sparsity
from .sparsity import sparsity as sparsity

__all__ = [
    "ADMM",
    "FPGM",
    "RFP",
    "ActivatedValue",
    "AnyCriterion",
    "ChannelGroup",
    "Criterion",
    "FilterNorm",
    "Hold",
    "Magnitude",
    "Masks",
    "Pruning",
    "RandomFilters",
    "Sparsity",
    "Wanted",
    "channel_groups",
    "fold_gates",
    "masks_by_scores",
    "masks_for",
    "prune",
    "prune_by",
    "replace_",
    "resize_",
    "shrink",
    "sparsity",
    "without_gates",
]
