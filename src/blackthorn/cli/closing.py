"""What a command says last: where the page is, and on a terminal the results in short. It goes to standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import fmean
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ..auditing import Audited
    from ..compressing import Compressed
    from ..experiment import Finished
    from ..running.outlook import Outlook

_STYLES = {"yes": "green", "no": "red", "unknown": "yellow"}
_OUTCOMES = {"picked": "bold", "none": "red", "unknown": "yellow"}


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """A sign of life on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(doing):
        yield


def close(finished: "Finished") -> None:
    """Name the page, after what stands on it: accuracy in percent, the statements and what was selected."""
    console = Console(stderr=True)
    if console.is_terminal:
        for shown in _told(finished):
            console.print(shown, highlight=False)
    for note in finished.notes:
        console.print(Text(note), soft_wrap=True, highlight=False)
    console.print(Text.assemble("Report: ", (str(finished.index), "bold")), soft_wrap=True, highlight=False)


def close_audit(audited: "Audited") -> None:
    """The numbers on a terminal, then the verdict, and the page."""
    close(audited.finished)
    console = Console(stderr=True)
    console.print(Text(audited.verdict), highlight=False, soft_wrap=not console.is_terminal)


def close_compression(compressed: "Compressed") -> None:
    """The numbers on a terminal, the page, the verdict, and where the network is."""
    close(compressed.finished)
    console = Console(stderr=True)
    console.print(Text(compressed.verdict), highlight=False, soft_wrap=not console.is_terminal)
    if compressed.network is not None:
        console.print(Text.assemble("Network: ", (str(compressed.network), "bold")), soft_wrap=True, highlight=False)


def tell_outlook(outlook: "Outlook") -> None:
    """What would be done, to standard output: what there is already, each training, and about how long it takes."""
    from .pace import clock

    print(f"{outlook.done} of {outlook.stages} stages are done already")
    for stage in outlook.trainings:
        print(f"would be trained: {stage.label}")
    others = len(outlook.left) - len(outlook.trainings)
    print(f"and {others} other stages; about {clock(outlook.seconds)} in one process")


def _told(finished: "Finished") -> Iterator[Table | Text]:
    from ..results import AccuracyRecord, Cell, CertifiedRecord, Place

    accuracies: dict[Place, list[Cell[AccuracyRecord]] | list[Cell[CertifiedRecord]]] = {
        **finished.grid.of(AccuracyRecord),
        **finished.grid.of(CertifiedRecord),
    }
    if accuracies:
        metrics = [name for name in finished.grid.metrics if any(metric == name for _, metric in accuracies)]
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("% right", overflow="fold")
        for metric in metrics:
            table.add_column(Text(metric), justify="right", overflow="fold")
        alarmed = False
        for row in finished.grid.rows:
            places = [accuracies.get((row.name, metric), []) for metric in metrics]
            if any(places):
                means = [fmean(cell.record.value for cell in cells) if cells else None for cells in places]
                rings = [any(cell.record.alarms for cell in cells) for cells in places]
                alarmed = alarmed or any(rings)
                shown = ("" if mean is None else f"{'≤ ' * rang}{100 * mean:.2f}" for mean, rang in zip(means, rings))
                table.add_row(Text(row.name), *shown)
        yield table
        if alarmed:
            yield Text("≤: an alarm rang; at most this, and not to be compared. The page says why.", style="yellow")
    for verdict in finished.verdicts:
        holds = {True: "yes", False: "no", None: "unknown"}[verdict.holds]
        yield Text.assemble((f"{holds:>7}", _STYLES[holds]), f"  {verdict.statement}")
    for selected in finished.selections:
        outcome = "picked" if selected.picked else "none" if selected.settled else "unknown"
        paper = "" if selected.published is None else f" (paper {100 * selected.published:.4g}%)"
        picked = selected.picked.row if selected.picked else outcome
        yield Text.assemble(f"{selected.name}: ", (picked, _OUTCOMES[outcome]), paper)
