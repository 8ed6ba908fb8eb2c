"""What a report was made from, in small files for a repository: records as CSV and packed flags, for each seed.

    DIR/grid.json               the rows, the measures and the seeds
    DIR/seeds/0/accuracy.csv    every record of that kind, its place first; what has parts is JSON
    DIR/seeds/0/flags.npz       right or wrong for each image, eight images a byte

From them every interval, p-value and verdict can be computed again, without torch and without the store.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ..errors import StoreError
from ..files import write_whole
from ..results import AnyRecord, Cell, Grid, Record, Row, to_json

GRID, SEEDS, FLAGS = "grid.json", "seeds", "flags.npz"

_HERE = frozenset(("measure", "seed", "key", "fingerprint", "python", "seconds"))  # said elsewhere, or by chance alone
_ANY: TypeAdapter[Record] = TypeAdapter(AnyRecord)


def record_grid(grid: Grid, folder: Path) -> None:
    """Write what is measured into `folder`. The same grid gives the same bytes.

    Raises:
        StoreError: the folder cannot be written.
    """
    rows = [
        {"name": row.name, "base": row.base, "requested": row.requested, "family": row.family}
        | ({"images": row.images} if row.images else {})
        | ({"file_of": row.file_of, "format": row.format} if row.file_of else {})
        for row in grid.rows
    ]
    about = {"rows": rows, "metrics": dict(grid.metrics), "seeds": list(grid.seeds)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / GRID, (json.dumps(about, indent=1) + "\n").encode())
        for seed in grid.seeds:
            held = folder / SEEDS / str(seed)
            held.mkdir(parents=True, exist_ok=True)
            cells = [cell for cell in grid.cells if cell.seed == seed]
            for kind in dict.fromkeys(cell.record.measure for cell in cells):
                text = _table([cell for cell in cells if cell.record.measure == kind])
                write_whole(held / f"{kind}.csv", text.encode())
            write_whole(held / FLAGS, _packed(cells))
            for old in set(held.glob("*.csv")) - {held / f"{cell.record.measure}.csv" for cell in cells}:
                old.unlink()  # of a measure that is not there any more
    except OSError as error:
        raise StoreError(f"--record {folder}: cannot be written ({error.strerror or error})") from None


def recorded_grid(folder: Path) -> Grid:
    """Read it back; its cells have no folder, and so no example images.

    Raises:
        StoreError: a file is missing or damaged.
    """
    try:
        about = json.loads((folder / GRID).read_text("utf-8"))
        cells = [cell for seed in about["seeds"] for cell in _cells(folder / SEEDS / str(seed), seed)]
        return Grid([Row(**row) for row in about["rows"]], about["metrics"], about["seeds"], cells)
    except (OSError, ValueError, KeyError, TypeError, EOFError, ValidationError) as problem:
        said = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise StoreError(f"{folder}: is no whole record of a report ({said}); write it again with --record") from None


def _table(cells: list[Cell[Record]]) -> str:
    lines = [{"row": cell.row, "measure": cell.metric, **_plain(cell.record)} for cell in cells]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for line in lines for name in line)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _plain(record: Record) -> dict[str, Any]:
    said = {name: held for name, held in to_json(record).items() if name not in _HERE}
    return {name: held if isinstance(held, str | int | float) else json.dumps(held) for name, held in said.items()}


def _packed(cells: list[Cell[Record]]) -> bytes:
    out = io.BytesIO()
    flags: dict[str, Any] = {
        _name(cell.row, cell.metric): np.packbits(cell.flags) for cell in cells if cell.flags is not None
    }
    np.savez_compressed(out, **flags)
    return out.getvalue()


def _name(row: str, metric: str) -> str:
    return json.dumps([row, metric]).replace("/", "\\u002f")  # a name in an archive: no folders


def _cells(folder: Path, seed: int) -> Iterator[Cell[Record]]:
    with np.load(folder / FLAGS, allow_pickle=False) as held:
        flags = {name: held[name] for name in held.files}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for line in csv.DictReader(lines):
                row, metric = line.pop("row"), line.pop("measure")
                record = _ANY.validate_python({"measure": path.stem, "seed": seed, **_typed(line)})
                yield Cell(row, metric, seed, record, _unpacked(flags.get(_name(row, metric)), record), None)


def _typed(line: Mapping[str, str]) -> dict[str, Any]:
    """What is JSON as what it says; numbers are read from their text when the record is made."""
    return {name: json.loads(said) if said[0] in "[{" else said for name, said in line.items() if said}


def _unpacked(packed: NDArray[np.uint8] | None, record: Record) -> NDArray[np.bool_] | None:
    if packed is None or record.flagged is None:
        return None
    return np.unpackbits(packed, count=record.flagged).astype(np.bool_)
