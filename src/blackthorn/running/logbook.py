"""`run.log`, beside the report: what a command did and when, a line for each stage, added to by every command."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import __version__
from .events import Event, Listener
from .store import written

NAME = "run.log"


@contextmanager
def logbook(folder: Path, command: str) -> Iterator[Listener]:
    """A listener that writes into `folder`; how the command ended is its last line.

    Raises:
        StoreError: the folder cannot be written.
    """
    with written(folder):
        file = (folder / NAME).open("a", encoding="utf-8", errors="backslashreplace", buffering=1)

    def say(line: str) -> None:
        with written(folder):
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")

    def listen(event: Event) -> None:
        if event.what == "finished":
            say(f"{event.label}  {event.seconds:.1f} s")
        elif event.what == "failed":
            say(f"{event.label}  failed: {event.text}")
        elif event.what in ("started", "waiting"):
            say(f"{event.label}  {event.what}")

    with file:
        say(f"{command}  (blackthorn {__version__})")
        try:
            yield listen
        except BaseException as problem:
            say(f"ended by {type(problem).__name__}: {problem}")
            raise
        say("done")
