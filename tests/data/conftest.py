"""Small sources on disk, in every layout that is read, and a cache of their own for each test."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BLACKTHORN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BLACKTHORN_DATA", raising=False)
    return tmp_path / "cache" / "data"


def pixels(n: int, *shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def png(image: Pixels | Image.Image) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, "png")
    return buffer.getvalue()


def write_parquet(
    file: Path,
    images: Sequence[Pixels | Image.Image | bytes | None],
    labels: Sequence[int | str | None],
    *,
    names: Sequence[str] | None = ("ant", "bee"),
    image: str = "image",
    label: str = "label",
    more: dict[str, tuple[object, list[object]]] | None = None,
) -> Path:
    """One parquet file as the hub has them; `more` maps further columns to (feature, values)."""
    import datasets

    cells = [
        None if read is None else {"bytes": read if isinstance(read, bytes) else png(read), "path": f"{row}.png"}
        for row, read in enumerate(images)
    ]
    kind = datasets.Value("string" if any(isinstance(one, str) for one in labels) else "int64")
    features = {image: datasets.Image(), label: datasets.ClassLabel(names=list(names)) if names else kind}
    columns: dict[str, list[object]] = {image: list(cells), label: list(labels)}
    for column, (feature, values) in (more or {}).items():
        features[column], columns[column] = feature, values
    file.parent.mkdir(parents=True, exist_ok=True)
    table = datasets.Features(features).arrow_schema
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pydict(columns, schema=table), file)
    return file


@pytest.fixture
def bees(tmp_path: Path) -> Path:
    """A parquet folder of 40 + 10 grey images of 6 x 5 in two alternating classes."""
    folder = tmp_path / "bees"
    write_parquet(folder / "train-00000-of-00001.parquet", list(pixels(40, 6, 5)), [0, 1] * 20)
    write_parquet(folder / "test-00000-of-00001.parquet", list(pixels(10, 6, 5, seed=1)), [0, 1] * 5)
    return folder


@pytest.fixture
def write_images() -> Callable[[Path, int], None]:
    """Fill a folder with CLASS/N.png, two classes of colour images of 4 x 4."""

    def write(folder: Path, n: int) -> None:
        for k, name in enumerate(("bee", "ant")):  # written in this order, sorted by name when read
            (folder / name).mkdir(parents=True)
            for row, image in enumerate(pixels(n, 4, 4, 3, seed=k)):
                Image.fromarray(image).save(folder / name / f"{row:02d}.png")

    return write
