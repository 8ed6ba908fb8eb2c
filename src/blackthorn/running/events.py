"""What happens while a plan is carried out, for whoever wants to show it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

What = Literal["started", "advanced", "finished", "failed", "elsewhere", "waiting"]


@dataclass(frozen=True)
class Event:
    """What happens to a stage: it is `started`, `advanced`, `finished` or `failed` here, or is found done, or given up,
    `elsewhere`; `waiting` says that all stages that are left are locked by another command.
    """

    what: What
    key: str
    label: str
    text: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0


Listener = Callable[[Event], None]


def quiet(event: Event) -> None:
    """A listener that says nothing."""
    del event
