"""Loggers: where the numbers of a run go besides its report, for people who watch their runs elsewhere.

A logger is anything with `log_metrics(metrics, step)`, the words of MLflow and of lightning: the module `mlflow`, and
every logger of lightning (Weights & Biases, Comet, Neptune). Two come with the package:

    csv           metrics.csv, a line for each number
    tensorboard   a folder of event files, one for each stage; needs pip install 'blackthorn[tensorboard]'
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from ..errors import RecipeError, did_you_mean
from ..types import Logger
from .events import Event, Listener, both, quiet
from .store import written


class FileLogger(Logger, Protocol):
    """A logger of this package, which writes beside the report and is closed in the end."""

    def __init__(self, folder: Path) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None: ...


class CSVLogger(FileLogger):
    """`metrics.csv`: name, step, value; a run that goes on adds to it."""

    def __init__(self, folder: Path) -> None:
        with written(folder):
            path = folder / "metrics.csv"
            new = not path.exists()
            self._file = path.open("a", encoding="utf-8", newline="", buffering=1)  # each line is there at once
            self._lines = csv.writer(self._file, lineterminator="\n")
            if new:
                self._lines.writerow(("name", "step", "value"))

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """A line for each number."""
        self._lines.writerows((name, step, repr(number)) for name, number in metrics.items())

    def __exit__(self, *_: object) -> None:
        self._file.close()


class TensorBoardLogger(FileLogger):
    """`tensorboard/`: a run for each stage, so that curves of several networks lie over each other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tensorboard"
        self._writers: dict[str, Any] = {}

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """A point for each number."""
        from tensorboardX import SummaryWriter

        for name, number in metrics.items():
            run, _, tag = name.rpartition("/")
            if run not in self._writers:
                with written(self._folder):
                    self._writers[run] = SummaryWriter(str(self._folder / run))
            self._writers[run].add_scalar(tag, number, step)

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()


LOGGERS: Mapping[str, type[FileLogger]] = {"csv": CSVLogger, "tensorboard": TensorBoardLogger}
"""Those that the command line knows, by name."""


def check_loggers(names: Sequence[str]) -> None:
    """Refuse a logger that is not known or not installed.

    Raises:
        RecipeError: says which there are, or what to install.
    """
    for name in names:
        if name not in LOGGERS:
            raise RecipeError(
                f"--logger {name}: there is none of that name; {did_you_mean(name, LOGGERS)} For MLflow, Weights & "
                "Biases and others give bt.run an object with log_metrics(metrics, step)"
            )
        if name == "tensorboard":
            try:
                import tensorboardX as tensorboardX
            except ImportError:
                raise RecipeError(
                    "--logger tensorboard: tensorboardX is not installed; pip install 'blackthorn[tensorboard]'"
                ) from None


@contextmanager
def logging(names: Sequence[str], folder: Path) -> Iterator[Listener]:
    """A listener that hands the numbers of a run to loggers of this package, which write into `folder`.

    Raises:
        StoreError: the folder cannot be written.
    """
    with ExitStack() as stack:
        yield both(*(logged(stack.enter_context(LOGGERS[name](folder))) for name in names)) if names else quiet


def logged(logger: Logger) -> Listener:
    """A listener that hands the numbers of a run to a logger.

    A number is called by its stage and by what it is, `seed 0/dense/train 6 epochs/loss`, in letters that every tracker
    takes: words, spaces, hyphens, dots and slashes.
    """

    def listen(event: Event) -> None:
        if event.metrics:
            stage = "/".join(re.sub(r"[^\w .-]+", "", part).strip() for part in event.label.split(" · "))
            step = event.done if event.what == "logged" else 0
            logger.log_metrics({f"{stage}/{name}": number for name, number in event.metrics.items()}, step)

    return listen
