"""An attack of a person's own: named by a recipe as `package.module:name`, or given to a value from Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import ModelError
from ..models.own import Own
from ..values import spell
from .foreign import as_search, called
from .search import Search

_STEPS = 40  # of an attack that does not say how many; for the remaining time


@dataclass(frozen=True)
class OwnAttack(Own):
    """A class that inherits from `Search`, or a function of model, x and y; `eps`, `norm` and `targeted` are options.

    What is asked before any code may run is answered from the options.
    """

    what: ClassVar[str] = "attack"
    revision: ClassVar[int] = 1

    @property
    def eps(self) -> float:
        """The radius in pixels of [0, 1]; 1 where the recipe names none."""
        return float(self.options.get("eps", 1.0))

    @property
    def norm(self) -> str:
        """Of the ball."""
        return str(self.options.get("norm", "linf"))

    @property
    def targeted(self) -> bool:
        """Whether y is the class to reach."""
        return bool(self.options.get("targeted", False))

    @property
    def effort(self) -> float:
        """Gradients of one image, roughly."""
        return float(self.options.get("steps", _STEPS)) * float(self.options.get("restarts", 1))

    def adapted(self, thing: Any) -> Search:
        """As `craft` sees it."""
        if not callable(thing):
            raise ModelError(f"{self.kind} gives a {type(thing).__name__}; an attack is called with model, x and y")
        if not isinstance(thing, Search):
            for name in ("eps", "norm", "targeted"):
                if name in self.options and not hasattr(thing, name):
                    setattr(thing, name, getattr(self, name))
        return as_search(thing)


def spelled(attack: Any) -> dict[str, Any]:
    """An attack as records keep it, also one of a person's own that is no value."""
    if isinstance(attack, OwnAttack):
        return attack.spelling()
    said = spell(attack)
    if isinstance(said, Mapping):
        return dict(said)
    return {"kind": called(getattr(attack, "call", attack)), "eps": attack.eps, "norm": attack.norm}
