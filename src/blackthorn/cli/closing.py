"""What a command says last, on standard error: the heart of its table, what is missing, and where the page is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from json import dumps
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ..auditing import Audited
    from ..compressing import Compressed
    from ..experiment import Finished

_STYLES = {"yes": "green", "no": "red", "unknown": "yellow"}
_OUTCOMES = {"picked": "bold", "none": "red", "unknown": "yellow"}
_MOST_ROWS = 24  # about a screen
_NAMED = 3  # missing results that are named one by one
_WIDE = 400  # columns, where no terminal says how wide it is


def _console() -> Console:
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=_WIDE)


@contextmanager
def busy(doing: str, voice: str = "usual") -> Iterator[None]:
    """A sign of life on a terminal."""
    console = Console(stderr=True)
    if voice == "quiet" or not console.is_terminal:
        yield
        return
    with console.status(doing):
        yield


def print_json(said: Any) -> None:
    """Print it on standard output, where nothing else is then printed."""
    print(dumps(said, indent=1, ensure_ascii=False))


def close(finished: "Finished", voice: str = "usual") -> None:
    """Name the page, after what stands on it: accuracy in percent, the statements and what was selected."""
    if voice == "quiet":
        return
    console = _console()
    for shown in _told(finished):
        console.print(shown, highlight=False, soft_wrap=isinstance(shown, Text))
    for note in (*_missing(finished.missing), *finished.notes):
        console.print(Text(note), soft_wrap=True, highlight=False)
    console.print(Text.assemble("Report: ", (str(finished.index), "bold")), soft_wrap=True, highlight=False)


def close_audit(audited: "Audited") -> None:
    """The numbers, then the verdict, and the page."""
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


def _missing(lines: Sequence[str]) -> Iterator[str]:
    """Which results should be there and are not."""
    if lines:
        more = f"; and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
        yield f"{len(lines)} result{'s' if len(lines) > 1 else ''} missing: {'; '.join(lines[:_NAMED])}{more}"


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
        rows = [row.name for row in finished.grid.rows if any((row.name, metric) in accuracies for metric in metrics)]
        shown = _heart(finished, rows)
        for row in shown:
            places = [accuracies.get((row, metric), []) for metric in metrics]
            means = [fmean(cell.record.value for cell in cells) if cells else None for cells in places]
            rings = [any(cell.record.alarms for cell in cells) for cells in places]
            alarmed = alarmed or any(rings)
            words = ("" if mean is None else f"{'≤ ' * rang}{100 * mean:.2f}" for mean, rang in zip(means, rings))
            table.add_row(Text(row), *words)
        yield table
        if len(shown) < len(rows):
            yield Text(f"and {len(rows) - len(shown)} more networks on the page")
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


def _heart(finished: "Finished", rows: Sequence[str]) -> list[str]:
    """All rows, or as many as fit on a screen: what is not pruned and what was picked, then others, evenly spread."""
    if len(rows) <= _MOST_ROWS:
        return list(rows)
    picked = {selected.picked.row for selected in finished.selections if selected.picked}
    first = [row for row in rows if row in picked or finished.grid.by_name[row].base is None][:_MOST_ROWS]
    others, room = [row for row in rows if row not in first], _MOST_ROWS - len(first)
    spread = {others[number * len(others) // room] for number in range(room)} if room else set()
    return [row for row in rows if row in first or row in spread]
