"""Criteria: what says how much each weight or filter matters. One file each, named as the papers name them."""

from typing import Annotated

from pydantic import Field

from ...models.own import OrOwn
from .activated_value import ActivatedValue as ActivatedValue
from .criterion import Criterion as Criterion
from .criterion import Wanted as Wanted
from .filter_norm import FilterNorm as FilterNorm
from .fpgm import FPGM as FPGM
from .magnitude import Magnitude as Magnitude
from .own import OwnCriterion as OwnCriterion
from .own import as_criterion as as_criterion
from .random_filters import RandomFilters as RandomFilters
from .rfp import RFP as RFP

KnownCriterion = Magnitude | FilterNorm | ActivatedValue | FPGM | RFP | RandomFilters
"""Every criterion of the package, told apart by `kind`."""
AnyCriterion = Annotated[KnownCriterion, Field(discriminator="kind"), OrOwn(OwnCriterion, as_criterion)]
"""Every criterion that a recipe can name: those of the package, or `package.module:name` with options."""

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
