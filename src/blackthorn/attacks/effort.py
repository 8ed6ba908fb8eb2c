"""How much work an attack is, for the time that a run will still take."""

from .evading import Evading
from .pgd import PGD


def gradients(attack: object) -> int:
    """How many gradients the attack takes of each image, at most."""
    return attack.steps * attack.restarts if isinstance(attack, (PGD, Evading)) else 1
