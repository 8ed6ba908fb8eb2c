"""Images saved as a data set that others open: a folder of parquet files with lossless PNG images, and a card.

`load_data` of this package reads such a folder back, and so does `datasets.load_dataset`.
"""

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..errors import DataError, StoreError
from ..files import one_line, write_whole
from .card import CARD, card
from .images import ImageSet, Splits

if TYPE_CHECKING:
    import pyarrow

_ROWS = 10_000  # in a file: few enough to be held in memory twice
_GROUP = 1000  # rows in a row group, which is what readers decode at a time


def save_data(splits: Splits, folder: str | os.PathLike[str], *, about: str) -> Path:
    """Save the splits as a data set in a new folder, which appears whole or not at all; its card has their license.

    Args:
        splits: images in 256 levels, uint8; a split without images is left out.
        folder: where to; it must not exist, or be empty.
        about: Markdown for the data set's card: a heading, how the images were made, and from what.
    Returns:
        The folder.
    Raises:
        DataError: there is something in the folder, or images are not in 256 levels.
        StoreError: the folder cannot be written; nothing is left of it.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: there is something already; give a folder that is not there, or empty it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=".partial") as aside:
            made = Path(aside) / "whole"
            made.mkdir()
            write_data(splits, made, about=about)
            if folder.exists():
                folder.rmdir()
            shutil.move(made, folder)
    except OSError as problem:
        why = problem.strerror or one_line(problem)
        raise StoreError(f"{folder}: cannot be written ({why}); give a folder with space that can be written") from None
    return folder


def write_data(splits: Splits, folder: Path, *, about: str) -> None:
    """Write the files of a data set into a folder that is there; what else lies in it is no part of the data set.

    Raises:
        DataError: images are not in 256 levels.
        OSError: the folder cannot be written.
    """
    parts = {"train": splits.train, "validation": splits.valid, "test": splits.test}
    parts = {part: images for part, images in parts.items() if len(images)}
    for part, images in parts.items():
        if images.x.dtype != torch.uint8:
            raise DataError(f"{part}: images are {images.x.dtype}; a data set holds 256 levels: round x * 255 to uint8")
        for name, content in _files(part, images):
            write_whole(folder / name, content)
    write_whole(folder / CARD, card(parts, about, splits.license).encode())


def _files(part: str, images: ImageSet) -> Iterator[tuple[str, memoryview]]:
    """Name and content of each parquet file, one after the other."""
    import pyarrow
    import pyarrow.parquet

    count = -(-len(images) // _ROWS)
    for number in range(count):
        some = images.subset(slice(number * _ROWS, (number + 1) * _ROWS))
        written = io.BytesIO()
        pyarrow.parquet.write_table(_table(some), written, row_group_size=_GROUP)
        yield f"{part}-{number:05}-of-{count:05}.parquet", written.getbuffer()


def _table(images: ImageSet) -> "pyarrow.Table":
    """Columns image and label, with their types as `datasets` notes them."""
    import pyarrow

    features = {
        "image": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": list(images.classes)},
    }
    schema = pyarrow.schema(
        [
            ("image", pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])),
            ("label", pyarrow.int64()),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    cells = [{"bytes": _png(image), "path": None} for image in images.x[:].cpu().permute(0, 2, 3, 1).numpy()]
    return pyarrow.table({"image": cells, "label": images.y.tolist()}, schema=schema)


def _png(image: "object") -> bytes:
    import numpy as np
    from PIL import Image

    pixels = np.asarray(image)
    written = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(written, "PNG")
    return written.getvalue()
