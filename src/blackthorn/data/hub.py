"""What `datasets` reads: ids of the Hugging Face hub, folders of parquet files, folders of images."""

import os
import re
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import DataError
from ..files import one_line
from .columns import encode, image_column, label_column
from .decode import Decoder
from .gathering import Sink, poured

_PATIENCE = 3.0  # seconds for the hub to answer; `datasets` alone retries for about 23
_OFF = "is switched off (HF_HUB_OFFLINE is set)"
_ROWS = 200  # decoded at a time: few enough for memory, many enough that Arrow's overhead vanishes
_LABELS = 10_000  # read at a time
_PLAIN = re.compile(r"[\w/.,+=@ -]*")  # paths in which nothing is a pattern or an address
_PARTS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("validation", "valid", "val", "dev", "eval"),
}


class Table(Protocol):
    """What is shared by the streamed and the stored data sets of `datasets`."""

    features: Any
    info: Any

    def with_format(self, kind: str) -> Any: ...

    def select_columns(self, names: list[str]) -> Any: ...


def read_folder(folder: Path, config: str | None, decoder: Decoder, sink: Sink) -> None:
    """Parts of a local folder: parquet (flat, in data/, or as README `configs:` say) or images by class.

    Streams, so that `datasets` writes no second copy anywhere.
    """
    import datasets

    where = folder.name
    with tempfile.TemporaryDirectory(prefix="blackthorn-") as scratch, _quiet():
        named = _by_a_plain_name(folder, Path(scratch))
        try:
            builder = datasets.load_dataset_builder(str(named), config, cache_dir=str(Path(scratch) / "cache"))
            _refuse_other_places(builder.config.data_files, named, folder)
            tables = builder.as_streaming_dataset()
            _read(tables, where, decoder, sink, _Inside(folder, named))
        except DataError:
            raise
        except FileNotFoundError:
            raise DataError(f"{folder}: no parquet or image files in this folder") from None
        except Exception as error:  # readers of damaged files raise nearly anything
            said = one_line(error, most=300).replace(str(named), str(folder))
            fault = _parquet_fault(folder) or f"{folder}: not readable as a data set ({said})"
            raise DataError(fault) from None


@dataclass(frozen=True)
class _Inside:
    """A folder, and the plain name under which `datasets` reads it."""

    folder: Path
    named: Path

    def path(self, read: str) -> str:
        """The path that `datasets` says, as the person knows it."""
        return read.replace(str(self.named), str(self.folder), 1)


def _by_a_plain_name(folder: Path, scratch: Path) -> Path:
    """The folder itself, or links to its files under a name without signs that `datasets` takes for a pattern."""
    if _PLAIN.fullmatch(str(folder)):
        return folder
    named = scratch.resolve() / "images"
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = named / os.path.relpath(parent, folder)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            (place / name).symlink_to(os.path.join(parent, name))
    return named


def _refuse_other_places(data_files: Any, named: Path, folder: Path) -> None:
    """A README may name files anywhere; a data set consists of what lies in its folder."""
    for files in (data_files or {}).values():
        for file in map(str, files):
            inside = os.path.normpath(file).startswith(f"{named}{os.sep}")
            if not inside or "://" in file:
                raise DataError(f"{folder}: its README names {file}, which is not in this folder; copy it there")


def read_hub(name: str, config: str | None, decoder: Decoder, sink: Sink) -> None:
    """Parts of a hub data set; the download stays in the cache of `datasets`.

    Raises:
        ConnectionError: the hub cannot be reached; within three seconds.
    """
    import huggingface_hub.constants as hub

    if _says_offline() and not hub.HF_HUB_OFFLINE:
        raise ConnectionError(_OFF)
    if not hub.HF_HUB_OFFLINE and not reachable(hub.ENDPOINT):
        raise ConnectionError(f"cannot be reached ({hub.ENDPOINT})")

    import datasets

    try:
        with _quiet(hub.HF_HUB_OFFLINE):
            tables = datasets.load_dataset(name, config)
    except ConnectionError:
        raise ConnectionError(_OFF if hub.HF_HUB_OFFLINE else "did not answer") from None
    except datasets.exceptions.DatasetNotFoundError:
        raise DataError(f"{name}: no such data set on the Hugging Face hub, or it is private or gated") from None
    except Exception as error:  # each layer below has errors of its own
        raise DataError(f"{name}: not readable as a data set ({one_line(error, most=300)})") from None
    _read(tables, name, decoder, sink)


def _read(tables: Mapping[str, Table], where: str, decoder: Decoder, sink: Sink, inside: _Inside | None = None) -> None:
    """Labels first, which say how many images there are and are refused before hours of decoding; then the images."""
    labels: dict[str, list[int | str | None]] = {}
    cells: dict[str, Iterable[Any]] = {}
    names: list[str] | None = None
    columns: dict[str, tuple[str, str]] = {}
    roles = roles_of(tables, where)
    for part, split in roles.items():
        table = tables[split]
        features = _features(table)
        image, column = columns[part] = image_column(features, where), label_column(features, where)
        names = getattr(features[column], "names", None)
        if _by_path(table):  # walking through the files is slow, and their names are short: once is enough
            read = list(_columns(table, [image, column], _LABELS))
            cells[part], said = [some[image] for some in read], [some[column] for some in read]
        else:
            cells[part], said = _column(table, image, _ROWS), list(_column(table, column, _LABELS))
        labels[part] = [label for some in said for label in some.to_pylist()]
        if not labels[part]:
            raise DataError(f"{where}: split '{split}' is empty; give it images or leave it out")
    y, classes = encode(labels, names, next(iter(columns.values()))[1], where)

    def opened(part: str, some: Any, first: int) -> list[tuple[bytes | str, str]]:
        split, image = roles[part], columns[part][0]
        by_path = _by_path(tables[split])
        return [
            _encoded(cell, (where, split, number, image), by_path, inside)
            for number, cell in enumerate(some.to_pylist(), first)
        ]

    batches = {
        part: (some[at : at + _ROWS] for some in cells[part] for at in range(0, len(some), _ROWS)) for part in roles
    }
    poured(batches, opened, y, classes, decoder, sink)


def _columns(table: Table, names: list[str], at_once: int) -> Iterator[Mapping[str, Any]]:
    """So many rows of some columns at a time."""
    yield from table.select_columns(names).with_format("arrow").iter(batch_size=at_once)


def _column(table: Table, name: str, at_once: int) -> Iterator[Any]:
    """Its cells, so many at a time."""
    yield from (batch[name] for batch in _columns(table, [name], at_once))


def _by_path(table: Table) -> bool:
    """Whether its cells are names of its own files."""
    return getattr(table.info, "builder_name", None) == "imagefolder"


def roles_of(tables: Collection[str], where: str) -> dict[str, str]:
    """Part -> the split that plays it; a lone split of another name is the training set."""
    roles = {part: name for part, known in _PARTS.items() for name in reversed(known) if name in tables}
    if not roles and len(tables) == 1:
        return {"train": next(iter(tables))}
    if "train" not in roles:
        raise DataError(f"{where}: no split named train; splits read: {', '.join(tables)}")
    return roles


def _features(table: Table) -> dict[str, Any]:
    import datasets

    if table.features is not None:
        return dict(table.features)
    for batch in table.with_format("arrow").iter(batch_size=1):
        return dict(datasets.Features.from_arrow_schema(batch.schema))
    return {}


def _encoded(
    cell: dict[str, Any] | None, at: tuple[str, str, int, str], by_path: bool, inside: _Inside | None
) -> tuple[bytes | str, str]:
    """One image, encoded or the path of its file, and where it comes from.

    A table must hold its images: paths and addresses that a stranger wrote there are not followed.
    """
    where, split, row, column = at
    encoded: bytes | None = cell.get("bytes") if cell else None
    path: str | None = cell.get("path") if cell else None
    shown = path if path is None or inside is None else inside.path(path)
    here = f"{where}: {split} row {row} ({shown})" if path else f"{where}: {split} row {row}"
    if encoded is not None:
        return encoded, here
    if path is None:
        raise DataError(f"{here}: column '{column}' holds no image")
    if not by_path:
        raise DataError(f"{here}: column '{column}' names a file instead of holding an image; store the images in it")
    if "://" in path:  # inside a zip archive
        import fsspec  # type: ignore[import-untyped]  # has no stubs

        with fsspec.open(path, "rb") as file:
            return file.read(), here
    return path, here


def _says_offline() -> bool:
    words = [os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")]
    return any(word.upper() in ("1", "ON", "YES", "TRUE") for word in words)


def reachable(url: str, patience: float = _PATIENCE) -> bool:
    """Whether anything answers there; asked in a thread, since looking up a name has no time limit."""
    import ssl
    import urllib.error
    import urllib.request

    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=patience).close()
            answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLError):  # a server answered; whose word to trust is the client's affair
                answered.set()
        except (OSError, ValueError):
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    return answered.is_set()


@contextmanager
def _quiet(active: bool = True) -> Iterator[None]:
    """Keep `datasets` from logging what our one-line error says; afterwards its level is what it was."""
    import datasets

    level = datasets.logging.get_verbosity()
    if active:
        datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)


def _parquet_fault(folder: Path) -> str | None:
    """What is wrong with which file: `datasets` does not say."""
    import pyarrow.parquet

    for path in sorted(folder.rglob("*.parquet")):
        try:
            if pyarrow.parquet.read_metadata(path).num_rows == 0:
                return f"{path}: an empty split, this file has no rows; give it images or remove it"
        except (OSError, ValueError) as error:
            return f"{path}: not readable as parquet ({one_line(error, most=300)})"
    return None
