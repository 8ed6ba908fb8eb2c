"""What a person sees while a recipe runs: bars with the time left on a terminal, one line for each stage elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..recipes.planning import Plan
from ..recipes.running import Event, Listener
from ..recipes.store import Store


@contextmanager
def watching(plan: Plan, store: Store) -> Iterator[Listener]:
    """A listener that shows the progress of `plan`."""
    console = Console(stderr=True)
    done = [stage for stage in plan.stages if store.done(stage.kind, stage.key)]
    if done:
        console.print(f"{len(done)} of {len(plan.stages)} stages are done already", highlight=False)
    if console.is_terminal:
        with _Bars(plan, console) as bars:
            yield bars.listen
    else:
        yield _Lines(plan, console, len(done)).listen


class _Lines:
    def __init__(self, plan: Plan, console: Console, done: int) -> None:
        self.console, self.total, self.count = console, len(plan.stages), done

    def listen(self, event: Event) -> None:
        if event.what == "finished":
            self.count += 1
            self._say(f"[{self.count:>3}/{self.total}] {event.label}  {event.seconds:.1f} s")
        elif event.what == "failed":
            self._say(f"[failed] {event.label}: {event.text}")

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


class _Left(ProgressColumn):
    """Time left, from the effort done since the start: the first stages of a run are often not like the last."""

    def render(self, task: Task) -> Text:
        worked = task.completed - float(task.fields.get("begun", 0.0))
        if task.total is None or task.finished or worked <= 0 or not task.elapsed:
            return Text("")
        seconds = int((task.total - task.completed) * task.elapsed / worked)
        minutes, rest = divmod(seconds, 60)
        return Text(f"{minutes}:{rest:02d} left", style="cyan")


class _Bars:
    """One bar for the whole plan, by effort, and one for each stage in work."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self.effort = {stage.key: stage.effort for stage in plan.stages}
        self.count, self.total = 0, len(plan.stages)
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            _Left(),
            console=console,
            transient=False,
        )
        self.whole = self.bars.add_task("", total=sum(self.effort.values()))
        self.tasks: dict[str, TaskID] = {}
        self.shares: dict[str, float] = {}
        self.drawn = 0.0

    def __enter__(self) -> "_Bars":
        self.bars.start()
        self._title()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def listen(self, event: Event) -> None:
        if event.what == "started":
            self.tasks[event.key] = self.bars.add_task(event.label, total=None)
        elif event.what == "advanced":
            if time.monotonic() - self.drawn < 0.1 and event.done < event.total:
                return
            self.drawn = time.monotonic()
            task = self.tasks[event.key]
            if event.done and "begun" not in self.bars.tasks[self.bars.task_ids.index(task)].fields:
                # A resumed training starts in the middle; its speed is that of what it does now.
                self.bars.update(task, begun=event.done)
            self.bars.update(task, description=f"{event.label} · {event.text}", completed=event.done, total=event.total)
            self._share(event.key, self.effort[event.key] * event.done / max(event.total, 1))
        else:
            self.bars.remove_task(self.tasks.pop(event.key))
            self.count += 1
            self._share(event.key, self.effort[event.key])
            mark = "[red]failed[/red]" if event.what == "failed" else f"{event.seconds:.1f} s"
            self.bars.console.print(f"{event.label}  {mark}", highlight=False, soft_wrap=True)
            self._title()

    def _share(self, key: str, effort: float) -> None:
        self.shares[key] = effort
        self.bars.update(self.whole, completed=sum(self.shares.values()))

    def _title(self) -> None:
        self.bars.update(self.whole, description=f"[bold]{self.count} of {self.total} stages[/bold]")
