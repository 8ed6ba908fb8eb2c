"""What happens while a plan is carried out, for whoever wants to show it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

What = Literal["started", "advanced", "logged", "finished", "failed", "lost", "elsewhere", "waiting"]


@dataclass(frozen=True)
class Event:
    """What happens to a stage: it is `started`, `advanced`, `finished` or `failed` here, or is found done, or given up,
    `elsewhere`. It is `lost` when another command took it over, since this one had stood still. `waiting` says that all
    stages that are left are in work in another command. `logged` has the numbers of an epoch, and `finished` those of
    a measure.
    """

    what: What
    key: str
    label: str
    text: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Of `logged`: the means of an epoch, whose number is `done`. Of a measure that is `finished`: its number, with its
    interval where it has one.
    """


Listener = Callable[[Event], None]


def both(*listeners: Listener) -> Listener:
    """Tell several listeners, in this order."""

    def tell(event: Event) -> None:
        for listen in listeners:
            listen(event)

    return tell


def quiet(event: Event) -> None:
    """A listener that says nothing."""
    del event
