"""Attacks: frozen values called `attack(model, x, y) -> x_adv`, and `craft`, which runs and verifies them.

Exporting a value class here makes it a `kind` in recipes, a row of the contract tests and an attack to train with.
"""

from typing import Annotated

from pydantic import Field

from ..speed.precision import Precision as Precision
from .apgd import APGD as APGD
from .autoattack import AutoAttack as AutoAttack
from .ball import Ball as Ball
from .craft import Crafted as Crafted
from .craft import craft as craft
from .evading import Evading as Evading
from .fab import FAB as FAB
from .fgsm import FGSM as FGSM
from .noise import UniversalNoise as UniversalNoise
from .noise import add_noise as add_noise
from .pgd import PGD as PGD
from .problem import Problem as Problem
from .scaled_gradient import ScaledGradient as ScaledGradient
from .search import Search as Search
from .square import Square as Square
from .trust import saturated_fraction as saturated_fraction
from .trust import zero_gradient_fraction as zero_gradient_fraction
from .warning import AttackWarning as AttackWarning

AnyAttack = Annotated[
    FGSM | PGD | ScaledGradient | Evading | APGD | FAB | Square | AutoAttack, Field(discriminator="kind")
]
"""Every attack a recipe can name, told apart by `kind`."""

__all__ = [
    "APGD",
    "FAB",
    "FGSM",
    "PGD",
    "AnyAttack",
    "AttackWarning",
    "AutoAttack",
    "Ball",
    "Crafted",
    "Evading",
    "Precision",
    "Problem",
    "ScaledGradient",
    "Search",
    "Square",
    "UniversalNoise",
    "add_noise",
    "craft",
    "saturated_fraction",
    "zero_gradient_fraction",
]
