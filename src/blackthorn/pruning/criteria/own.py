"""A criterion of a person's own: named by a recipe as `package.module:name`, or given to a value from Python."""

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

from ...errors import ModelError
from ...models.own import Own
from .criterion import Wanted

_IMAGES = 256


@dataclass(frozen=True)
class OwnCriterion(Own):
    """A class, or a function of model, x and y, that returns scores by parameter name, larger = keep.

    It scores weights, unless its `granularity` is "filters".
    """

    what: ClassVar[str] = "criterion"
    revision: ClassVar[int] = 1  # the hash of its file tells one version from another

    @property
    def wants(self) -> Wanted:
        """256 training images with their labels, or as many as its option `images` says: known before its code is."""
        return Wanted(int(self.options.get("images", _IMAGES)), "train")

    def adapted(self, thing: Any) -> Any:
        """The criterion, if it can be called and scores weights or filters."""
        if not callable(thing):
            raise ModelError(f"{self.kind} gives a {type(thing).__name__}; a criterion is called with model, x and y")
        if not hasattr(thing, "granularity"):
            thing = functools.partial(thing)
            thing.granularity = "weights"
        if thing.granularity not in ("weights", "filters"):
            raise ModelError(f"{self.kind}: granularity is {thing.granularity!r}; write 'weights' or 'filters'")
        return thing


def as_criterion(given: Any) -> Any:
    """A person's own, given from Python, as it is."""
    return given
