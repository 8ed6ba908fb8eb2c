"""Tables as CSV text that other programs read."""

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A heading and lines, with Unix line ends."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in line] for line in lines)
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A name that a spreadsheet would compute, such as =cmd|..., behind the sign that makes it text there."""
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def in_percent(share: float) -> str:
    """0.98765 -> "98.77"."""
    return f"{100 * share:.2f}"


def listed(seeds: Iterable[int]) -> str:
    """(0, 1, 2) -> "0 1 2"."""
    return " ".join(str(seed) for seed in seeds)
