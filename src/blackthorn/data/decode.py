"""Encoded images to one uint8 tensor, checking that they all have one size and one mode."""

import io
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from ..errors import DataError
from ..files import one_line

if TYPE_CHECKING:
    from PIL.Image import Image

Mode = Literal["L", "RGB"]

_DEEP = ("I", "F")  # Pillow's modes of more than 8 bits a pixel; their range is not known, so none is assumed


class Decoder:
    """Collects images of one size and mode; `stack` gives them as a tensor and starts anew.

    Args:
        resize: (height, width) to bring every image to, bilinear with antialiasing; None keeps the one size.
        mode: what to convert every image to (alpha is dropped); None keeps the one mode.
    """

    def __init__(self, resize: tuple[int, int] | None = None, mode: Mode | None = None) -> None:
        self._resize = resize
        self._mode = mode
        self._first: tuple[tuple[int, int], str, str] | None = None
        self._pixels = bytearray()

    def add(self, read: "bytes | str | Image", where: str) -> None:
        """Take one image: encoded, the path of a file, or open.

        Raises:
            DataError: it cannot be decoded, or has not the size and mode of the first; begins with `where`.
        """
        try:
            image = self._conform(_open(read), where)
            pixels = image.tobytes()
        except (DataError, MemoryError):
            raise
        except FileNotFoundError:
            raise DataError(f"{where}: there is no such image file") from None
        except Exception as error:  # decoders of damaged files raise nearly anything
            raise DataError(f"{where}: not a readable image ({_reason(error)})") from None
        if self._first is None:
            self._first = image.size, image.mode, where
        elif (image.size, image.mode) != self._first[:2]:
            self._refuse(image.size, image.mode, where)
        self._pixels += pixels

    def stack(self) -> Tensor:
        """The images added since the last call, uint8 (N, C, H, W)."""
        if self._first is None or not self._pixels:
            return torch.empty((0, 1, 1, 1), dtype=torch.uint8)
        (width, height), mode, _ = self._first
        flat = torch.frombuffer(self._pixels, dtype=torch.uint8)
        self._pixels = bytearray()
        return flat.view(-1, height, width, 3 if mode == "RGB" else 1).permute(0, 3, 1, 2).contiguous()

    def _conform(self, image: "Image", where: str) -> "Image":
        if "exif" in image.info:  # photographs lie on their side otherwise; `datasets` does the same
            from PIL import ImageOps

            image = ImageOps.exif_transpose(image)
        if image.mode.startswith(_DEEP):
            raise DataError(f"{where}: mode {image.mode} has more than 8 bits a pixel; save the images with 8 bits")
        if image.mode == "P" and self._mode and "transparency" in image.info:
            image = image.convert("RGBA")  # straight to RGB, Pillow warns
        if image.mode == "1":
            image = image.convert("L")
        if self._mode and image.mode != self._mode:
            image = image.convert(self._mode)
        if image.mode not in ("L", "RGB"):
            raise DataError(
                f"{where}: images of mode {image.mode} are not taken as they are; write mode: RGB or mode: L"
            )
        if self._resize and image.size != self._resize[::-1]:
            from PIL.Image import Resampling

            image = image.resize(self._resize[::-1], Resampling.BILINEAR)
        return image

    def _refuse(self, size: tuple[int, int], mode: str, where: str) -> None:
        assert self._first is not None
        first_size, first_mode, first = self._first
        if size != first_size:
            (width, height), (first_width, first_height) = size, first_size
            wanted = f"{first_height}" if first_height == first_width else f"[{first_height}, {first_width}]"
            raise DataError(
                f"images of several sizes: {first} is {first_height}x{first_width} (height x width), "
                f"{where} is {height}x{width}; write resize: {wanted}"
            )
        raise DataError(
            f"images of several modes: {first} is {first_mode}, {where} is {mode}; write mode: RGB or mode: L"
        )


def _open(read: "bytes | str | Image") -> "Image":
    from PIL import Image

    if isinstance(read, bytes):
        return Image.open(io.BytesIO(read))
    if isinstance(read, str):
        with open(read, "rb") as file:
            return Image.open(io.BytesIO(file.read()))
    return read


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):  # Pillow's own words name a buffer's address
        return "no image format that Pillow knows"
    return one_line(error)
