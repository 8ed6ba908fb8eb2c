"""Attacks: frozen values called `attack(model, x, y) -> x_adv`, and `craft`, which runs and verifies them.

Exporting a value class here makes it a `kind` in recipes, a row of the contract tests and an attack to train with.
"""

from typing import Annotated

from pydantic import Field

from ..models.own import OrOwn
from ..speed.precision import Precision as Precision
from .apgd import APGD as APGD
from .autoattack import AutoAttack as AutoAttack
from .ball import Ball as Ball
from .craft import Crafted as Crafted
from .craft import craft as craft
from .evading import Evading as Evading
from .fab import FAB as FAB
from .fgsm import FGSM as FGSM
from .foreign import as_search as as_search
from .noise import UniversalNoise as UniversalNoise
from .noise import add_noise as add_noise
from .own import OwnAttack as OwnAttack
from .own import spelled as spelled
from .pgd import PGD as PGD
from .problem import Problem as Problem
from .scaled_gradient import ScaledGradient as ScaledGradient
from .search import Search as Search
from .square import Square as Square
from .trust import saturated_fraction as saturated_fraction
from .trust import zero_gradient_fraction as zero_gradient_fraction
from .warning import AttackWarning as AttackWarning

KnownAttack = FGSM | PGD | ScaledGradient | Evading | APGD | FAB | Square | AutoAttack
"""Every attack of the package, told apart by `kind`."""
AnyAttack = Annotated[KnownAttack, Field(discriminator="kind"), OrOwn(OwnAttack, as_search)]
"""Every attack that a recipe can name: those of the package, or `package.module:name` with options."""

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
