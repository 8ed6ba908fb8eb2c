"""Criteria: what says how much each weight or filter matters. One file each, named as the papers name them."""

from typing import Annotated

from pydantic import Field

from .activated_value import ActivatedValue as ActivatedValue
from .criterion import Criterion as Criterion
from .criterion import Wanted as Wanted
from .filter_norm import FilterNorm as FilterNorm
from .fpgm import FPGM as FPGM
from .magnitude import Magnitude as Magnitude
from .random_filters import RandomFilters as RandomFilters
from .rfp import RFP as RFP

AnyCriterion = Annotated[
    Magnitude | FilterNorm | ActivatedValue | FPGM | RFP | RandomFilters, Field(discriminator="kind")
]
"""Every criterion a recipe can name, told apart by `kind`."""

__all__ = [
    "FPGM",
    "RFP",
    "ActivatedValue",
    "AnyCriterion",
    "Criterion",
    "FilterNorm",
    "Magnitude",
    "RandomFilters",
    "Wanted",
]
