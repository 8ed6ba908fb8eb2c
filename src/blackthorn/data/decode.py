"""Encoded images to uint8 tensors, checking that they all have one size and one mode.

Images are decoded side by side, on as many processors as there are, and stand in the order in which they were given.
"""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from ..errors import DataError
from ..files import one_line

if TYPE_CHECKING:
    from PIL.Image import Image

Mode = Literal["L", "RGB"]

_DEEP = ("I", "F")  # Pillow's modes of more than 8 bits a pixel; their range is not known, so none is assumed
_REDUCED = (8, 4, 2)  # by which JPEG can be decoded smaller: its blocks are of 8 x 8
_MARGIN = 2  # times the wanted size is decoded at least; as Pillow's `thumbnail` does ("reducing_gap")
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values that exchange height and width


class Decoder:
    """Makes tensors of images of one size and mode: those of the first image, where none are asked for.

    Args:
        resize: (height, width) to bring every image to, bilinear with antialiasing; None keeps the one size.
        mode: what to convert every image to (alpha is dropped); None keeps the one mode.
        crop: with `resize`, cut out the centre instead of stretching: the largest part of that shape, times this.
    """

    def __init__(
        self, resize: tuple[int, int] | None = None, mode: Mode | None = None, crop: float | None = None
    ) -> None:
        self._resize, self._mode, self._crop = resize, mode, crop
        self._first: tuple[tuple[int, int], str, str] | None = None

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of the images; something must have been decoded before."""
        assert self._first is not None
        (width, height), mode, _ = self._first
        return 3 if mode == "RGB" else 1, height, width

    def stack(self, images: "Sequence[tuple[bytes | str | Image, str]]") -> Tensor:
        """Decode images, each with where it comes from, to uint8 (N, C, H, W).

        Raises:
            DataError: one cannot be decoded, or has not the size and mode of the first; says where it comes from.
        """
        if not images:
            return torch.empty((0, 1, 1, 1), dtype=torch.uint8)
        each = -(-len(images) // (os.cpu_count() or 1))
        shares = [images[first : first + each] for first in range(0, len(images), each)]
        whole = bytearray()
        with ThreadPoolExecutor(len(shares)) as side_by_side:
            for (_, where), (size, mode, pixels) in zip(
                images, (one for share in side_by_side.map(self._share, shares) for one in share)
            ):
                if isinstance(pixels, Exception):
                    raise pixels
                if self._first is None:
                    self._first = size, mode, where
                elif (size, mode) != self._first[:2]:
                    self._refuse(size, mode, where)
                whole += pixels
        channels, height, width = self.size
        flat = torch.frombuffer(whole, dtype=torch.uint8)
        return flat.view(-1, height, width, channels).permute(0, 3, 1, 2).contiguous()

    def _share(
        self, images: "Sequence[tuple[bytes | str | Image, str]]"
    ) -> list[tuple[tuple[int, int], str, bytes | Exception]]:
        """Size, mode and pixels of each; an error in its place, so that the first of all images is the one reported."""
        done: list[tuple[tuple[int, int], str, bytes | Exception]] = []
        for read, where in images:
            try:
                image = self._conform(self._opened(read), where)
                done.append((image.size, image.mode, image.tobytes()))
            except (DataError, MemoryError) as refused:
                done.append(((0, 0), "", refused))
            except FileNotFoundError:
                done.append(((0, 0), "", DataError(f"{where}: there is no such image file")))
            except Exception as error:  # decoders of damaged files raise nearly anything
                done.append(((0, 0), "", DataError(f"{where}: not a readable image ({_reason(error)})")))
        return done

    def _opened(self, read: "bytes | str | Image") -> "Image":
        from PIL import Image

        if isinstance(read, Image.Image):
            return read
        if isinstance(read, str):
            with open(read, "rb") as file:
                read = file.read()
        image = Image.open(io.BytesIO(read))
        if image.format == "JPEG" and self._resize:
            self._reduce(image)
        return image

    def _reduce(self, image: "Image") -> None:
        """Let a JPEG be decoded at a half, a quarter or an eighth of its size, if that is twice what is wanted."""
        width, height = image.size
        if "exif" in image.info and image.getexif().get(_ORIENTATION) in _TURNED:
            width, height = height, width
        left, top, right, bottom = self._box(width, height)
        assert self._resize is not None  # asked before
        high, wide = self._resize
        spare = min((right - left) / wide, (bottom - top) / high) / _MARGIN
        by = next((by for by in _REDUCED if by <= spare), None)
        if by is not None:
            image.draft(None, (image.size[0] // by, image.size[1] // by))  # None keeps the mode

    def _box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """What is kept of an image: left, upper, right and lower edge."""
        if self._crop is None or self._resize is None:
            return 0, 0, width, height
        high, wide = self._resize
        scale = self._crop * min(width / wide, height / high)
        kept_width, kept_height = wide * scale, high * scale
        left, top = (width - kept_width) / 2, (height - kept_height) / 2
        return left, top, left + kept_width, top + kept_height

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
        if self._resize and (image.size != self._resize[::-1] or self._crop is not None):
            from PIL.Image import Resampling

            image = image.resize(self._resize[::-1], Resampling.BILINEAR, box=self._box(*image.size))
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


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):  # Pillow's own words name a buffer's address
        return "no image format that Pillow knows"
    return one_line(error)
