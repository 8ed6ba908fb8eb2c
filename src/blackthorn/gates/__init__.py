"""Gates: which units of a network are open is learnt with its weights."""

from .beta_bernoulli import BetaBernoulli as BetaBernoulli
from .beta_bernoulli import BetaBernoulliGate as BetaBernoulliGate
from .gate import GATES as GATES
from .gate import Closing as Closing
from .gate import Gate as Gate
from .gating import Gating as Gating
from .gating import Place as Place
from .gating import gates_of as gates_of
from .gating import places as places
from .insert import insert_gates as insert_gates

AnyGate = BetaBernoulli
"""Every gate that a recipe can name; of several kinds, the union of them, told apart by `kind`."""

__all__ = [
    "GATES",
    "AnyGate",
    "BetaBernoulli",
    "BetaBernoulliGate",
    "Closing",
    "Gate",
    "Gating",
    "Place",
    "gates_of",
    "insert_gates",
    "places",
]
