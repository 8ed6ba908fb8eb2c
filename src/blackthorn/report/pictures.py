"""Images on a page: what a measure kept for people to look at, and pixels as PNG in data URIs."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..results import Cell
from ..results.grid import R
from ..seal import check

EXAMPLES = "examples.safetensors"
"""What a measure kept in its folder; see `measuring.Measurement`."""

_FRAME = 0.5  # grey: a contrast of 3.9 to white, and of 4.3 to the dark page


def pictured(cells: Sequence[Cell[R]]) -> Cell[R]:
    """The first of a place's cells that can have images; the first of all where none can."""
    return next((cell for cell in cells if cell.folder is not None), cells[0])


def kept(folder: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """The arrays of these names among the examples in a folder.

    Raises:
        StoreError: the file cannot be read, or lacks one of them.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / EXAMPLES
    try:
        check(path)
        held = load_file(path)
        return [held[name] for name in names]
    except (OSError, ValueError, SafetensorError, KeyError) as error:
        raise StoreError(
            f"{path}: cannot be read as example images ({error}); delete its folder and run again."
        ) from None


def png(pixels: NDArray[np.float64]) -> str:
    """Pixels in [0, 1], (channels, height, width), as a data URI; three channels are colours, one is grey."""
    from PIL import Image

    levels = np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)
    image = Image.fromarray(levels.transpose(1, 2, 0) if levels.shape[0] == 3 else levels[0])
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def framed(pixels: NDArray[np.float64], side: int = 160) -> NDArray[np.float64]:
    """An image at least `side` wide or high whose pixels are squares, so that viewers cannot blur them, in a thin frame
    that shows on the light page and on the dark one.
    """
    times = max(1, -(-side // max(pixels.shape[1:])))
    made = pixels.repeat(times, axis=1).repeat(times, axis=2)
    for edge in (made[:, :2], made[:, -2:], made[:, :, :2], made[:, :, -2:]):
        edge[...] = _FRAME
    return made
