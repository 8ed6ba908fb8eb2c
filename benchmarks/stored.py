"""For scripts that look into a run that is finished: which one is meant, and the table that they write."""

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from blackthorn.experiment import Experiment
from blackthorn.recipes.request import Request


def asked_for(description: str | None) -> tuple[Experiment, Path]:
    """The run that the command line names, of which nothing is computed, and where the table goes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--preset", default="full")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", default="runs")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="a CSV file")
    asked = parser.parse_args()
    request = Request(asked.recipe, asked.preset, (asked.seed,))
    return Experiment.prepare(request, asked.store, asked.data_root, device=None), asked.out


def write(out: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file."""
    with out.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
