"""Objectives: what a batch minimises, `objective(model, x, y) -> Loss(total, parts)`."""

from typing import Annotated

from pydantic import Field

from .adversarial import Adversarial as Adversarial
from .adversarial import truncated_gaussian as truncated_gaussian
from .certified import IntervalBound as IntervalBound
from .clean import CleanObjective as CleanObjective
from .loss import Loss as Loss
from .pruning import AdversarialPruning as AdversarialPruning
from .pruning import BayesianPruning as BayesianPruning
from .standard import CrossEntropy as CrossEntropy
from .standard import LinearQuadratic as LinearQuadratic
from .trades import Trades as Trades
from .variational import Variational as Variational
from .vulnerability import vulnerability as vulnerability

AnyObjective = Annotated[
    CleanObjective | Adversarial | Trades | IntervalBound | Variational | BayesianPruning | AdversarialPruning,
    Field(discriminator="kind"),
]
"""Every objective a recipe can name, told apart by `kind`."""

__all__ = [
    "Adversarial",
    "AdversarialPruning",
    "AnyObjective",
    "BayesianPruning",
    "CleanObjective",
    "CrossEntropy",
    "IntervalBound",
    "LinearQuadratic",
    "Loss",
    "Trades",
    "Variational",
    "truncated_gaussian",
    "vulnerability",
]
