"""How far a plan has come, and how long the rest will take at the pace so far, with other commands or without."""

import time
from collections.abc import Sequence

from ..recipes.planning import Plan
from .events import Event

_TOO_EARLY = 2.0  # seconds in which a pace is mostly that of warming up


class Pace:
    """Listens to what happens to stages; `total` and `done` are efforts, `stages` and `settled` are counts.

    What was found done tells nothing of the pace, nor do the epochs before a training was resumed. What another command
    finishes meanwhile does, each stage as much as was done here so far: more of it may have been done before.
    """

    def __init__(self, plan: Plan, found: Sequence[str] = ()) -> None:
        self._effort = {stage.key: stage.effort for stage in plan.stages}
        self._resumed = {stage.key for stage in plan.stages if stage.value.trains}
        self._shares: dict[str, float] = {}
        self._worked = 0.0
        self._found = sum(self._effort[key] for key in found)
        self._settled: set[str] = set(found)
        self._begun: dict[str, float] = {}
        self._given = 0.0
        self._helped = 0.0
        self._start = time.monotonic()
        self.total = sum(self._effort.values())
        self.stages = len(self._effort)

    @property
    def settled(self) -> int:
        """Stages that are done, here or elsewhere, or have failed."""
        return len(self._settled)

    @property
    def done(self) -> float:
        """The effort behind us, whoever made it."""
        return self._worked + self._found

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        effort = self._effort.get(event.key, 0.0)
        if event.what == "advanced" and event.total:
            if event.key in self._resumed and event.key not in self._begun:
                self._begun[event.key] = effort * (event.done - 1) / event.total
                self._given += self._begun[event.key]
            self._share(event.key, effort * event.done / event.total)
        elif event.what in ("finished", "failed"):
            self._share(event.key, effort)
            self._settled.add(event.key)
        elif event.what == "lost":
            self._share(event.key, 0.0)
        elif event.what == "elsewhere" and event.key not in self._settled:
            self._share(event.key, 0.0)
            self._found += effort
            self._helped += min(effort, max(self._worked - self._given, 0.0))
            self._settled.add(event.key)

    def left(self) -> float | None:
        """Seconds; None while nothing can be said."""
        elapsed = time.monotonic() - self._start
        worked = self._worked - self._given
        if elapsed < _TOO_EARLY or worked <= 0:
            return None
        return max(self.total - self.done, 0.0) * elapsed / (worked + self._helped)

    def _share(self, key: str, effort: float) -> None:
        """What was done here of a stage; sums are kept, since events come in thousands."""
        self._worked += effort - self._shares.get(key, 0.0)
        self._shares[key] = effort


def clock(seconds: float) -> str:
    """As people say it: 12 s, 3 min 20 s, 1 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
