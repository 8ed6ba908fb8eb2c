"""What a person sees while a recipe runs: bars with the time left on a terminal, one line for each stage elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from ..recipes.planning import Plan
from ..running.events import Event, Listener, quiet
from ..running.pace import Pace, clock
from ..running.store import Store

_DRAWN_EVERY = 0.1  # seconds; a stage may report thousands of times a second
_TOLD_EVERY = 30.0  # seconds between lines about a stage that is still in work
_LOST = "was taken over by another command, since this one had stood still"
_WORTH_A_LINE = 1.0  # seconds; on a terminal, where bars show the rest


@contextmanager
def watching(plan: Plan, store: Store, voice: str = "usual") -> Iterator[Listener]:
    """A listener that shows the progress of `plan`: nothing of it, as usual, or a line for everything ("verbose")."""
    if voice == "quiet":
        yield quiet
        return
    console = Console(stderr=True)
    finished = store.names()
    done = [stage.key for stage in plan.stages if stage.name in finished]
    if done:
        console.print(f"{len(done)} of {len(plan.stages)} stages are done already", highlight=False)
    pace = Pace(plan, done)
    if voice == "verbose":
        yield _Verbose(pace, console).listen
    elif console.is_terminal:
        with _Bars(pace, console) as bars:
            yield bars.listen
    else:
        yield _Lines(pace, console).listen


class _Lines:
    def __init__(self, pace: Pace, console: Console) -> None:
        self.pace, self.console = pace, console
        self.told = time.monotonic()
        self.waited = False

    def listen(self, event: Event) -> None:
        self.pace.hear(event)
        if event.what == "finished":
            self._say(f"{event.label}  {event.seconds:.1f} s")
        elif event.what == "failed":
            self._say(f"{event.label}  failed: {event.text}")
        elif event.what == "lost":
            self._say(f"{event.label}  {_LOST}")
        elif event.what == "waiting" and not self.waited:
            self.waited = True
            self._say(event.label)
        elif event.what == "advanced" and time.monotonic() - self.told > _TOLD_EVERY:
            left, far = self.pace.left(), f", {event.done / event.total:.0%}" if event.total else ""
            more = "" if left is None else f", {clock(left)} left in all"
            self._say(f"{event.label}{far} · {event.text}{more}")

    def _say(self, line: str) -> None:
        self.told = time.monotonic()
        head = f"[{self.pace.settled:>3}/{self.pace.stages}] "
        self.console.print(head + line, highlight=False, markup=False, soft_wrap=True)


class _Verbose(_Lines):
    """A line more for whatever begins, and for every epoch."""

    def listen(self, event: Event) -> None:
        if event.what == "started":
            self._say(f"{event.label}  started")
        elif event.what == "logged":
            numbers = ", ".join(f"{name} {number:.4g}" for name, number in event.metrics.items())
            self._say(f"{event.label}  epoch {event.done}: {numbers}")
        super().listen(event)


class _Left(TextColumn):
    """The time left in all, beside the bar of the whole."""

    def __init__(self, pace: Pace) -> None:
        super().__init__("")
        self.pace = pace

    def render(self, task: Task) -> Text:
        left = self.pace.left() if task.fields.get("whole") and not task.finished else None
        return Text("" if left is None else f"{clock(left)} left", style="cyan")


class _Bars:
    """One bar for the whole plan, by effort, and one for each stage in work; words last, so that bars stay in place."""

    def __init__(self, pace: Pace, console: Console) -> None:
        self.pace = pace
        self.bars = Progress(
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            _Left(pace),
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=console,
            expand=True,
        )
        self.whole = self.bars.add_task("", total=pace.total, whole=True)
        self.tasks: dict[str, TaskID] = {}
        self.drawn = 0.0

    def __enter__(self) -> "_Bars":
        self._count()
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        for task in self.tasks.values():
            self.bars.remove_task(task)
        self.bars.stop()

    def listen(self, event: Event) -> None:
        self.pace.hear(event)
        if event.what == "started":
            self._drop(event.key)  # of a worker that died
            self.tasks[event.key] = self.bars.add_task(event.label, total=None)
        elif event.what == "advanced":
            if time.monotonic() - self.drawn < _DRAWN_EVERY and event.done < event.total:
                return
            self.drawn = time.monotonic()
            words = f"{event.label} · {event.text}"
            if event.key not in self.tasks:  # a cluster may tell of the progress before it tells of the start
                self.tasks[event.key] = self.bars.add_task(event.label, total=None)
            self.bars.update(self.tasks[event.key], description=words, completed=event.done, total=event.total)
        elif event.what in ("finished", "failed", "lost"):
            self._drop(event.key)
            if event.what == "failed":
                self._say(Text.assemble(f"{event.label}  ", ("failed", "red"), f": {event.text}"))
            elif event.what == "lost":
                self._say(Text(f"{event.label}  {_LOST}"))
            elif event.seconds >= _WORTH_A_LINE:
                self._say(Text(f"{event.label}  {event.seconds:.1f} s"))
        self._count(f" · {event.label}" if event.what == "waiting" else "")

    def _drop(self, key: str) -> None:
        if key in self.tasks:
            self.bars.remove_task(self.tasks.pop(key))

    def _say(self, line: Text) -> None:
        self.bars.console.print(line, highlight=False, soft_wrap=True)

    def _count(self, more: str = "") -> None:
        words = f"{self.pace.settled} of {self.pace.stages} stages{more}"
        self.bars.update(self.whole, completed=self.pace.done, description=words)
