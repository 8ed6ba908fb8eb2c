"""What a person sees while images are read: a sign of life, and how long decoding them still takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ..running.pace import clock
from ..types import Progress as Told

_DRAWN_EVERY = 0.1  # seconds
_TOLD_EVERY = 30.0  # seconds between lines where there is no terminal
_TOO_EARLY = 2.0  # seconds before the time left is said


@contextmanager
def reading(voice: str = "usual") -> Iterator[Told]:
    """Lend what is called with (text, images done, images): a bar on a terminal, now and then a line elsewhere."""
    console = Console(stderr=True)
    if voice == "quiet":
        yield lambda text, done, total: None
        return
    if not console.is_terminal:
        yield _Paced(lambda line, done, total: console.print(line, highlight=False, soft_wrap=True), _TOLD_EVERY)
        return
    columns = (BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading the images", total=None)

        def drawn(line: str, done: int, total: int) -> None:
            bar.update(task, description=line, completed=done, total=total or None)

        yield _Paced(drawn, _DRAWN_EVERY)


class _Paced:
    """Says how far work has come, not too often, with the time left at the pace since the work began here."""

    def __init__(self, say: Told, every: float) -> None:
        self._say, self._every = say, every
        self._text = ""
        self._told = time.monotonic()

    def __call__(self, text: str, done: int, total: int) -> None:
        now = time.monotonic()
        began = text != self._text
        if began:
            self._text, self._start, self._before = text, now, done
        waiting = not total  # for somebody else, who does not say how far he is
        if (waiting and not began) or (not waiting and now - self._told < self._every and done < total):
            return
        if not waiting and done == total and now - self._start < self._every:
            return  # nobody has waited
        self._told = now
        spent, worked = now - self._start, done - self._before
        known = 0 < done < total and worked > 0 and spent > _TOO_EARLY
        left = f", {clock(spent / worked * (total - done))} left" if known else ""
        self._say(text if waiting else f"{text}: {done:,} of {total:,}{left}", done, total)
