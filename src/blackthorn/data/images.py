"""Labelled images, in memory or on disk: a set of them, and the three sets an experiment needs."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import DataError
from .card import UNKNOWN
from .on_disk import Index, OnDisk, Pixels, taken


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one size and mode with their labels.

    Raises:
        DataError: the tensors do not have these types and shapes, or a label has no class.
    """

    x: Pixels
    """uint8 (N, C, H, W), pixels in 0..255, as data sets are stored; or float32, taken as it is, in [0, 1] or not. What
    does not fit into memory is no tensor: it has a shape, and `x[index]` reads some images.
    """
    y: Tensor
    """int64 (N,), 0 <= label < len(classes)."""
    classes: tuple[str, ...]
    """The name of each label."""

    def __post_init__(self) -> None:
        if self.x.dtype not in (torch.uint8, torch.float32) or self.x.ndim != 4:
            read = f"{self.x.dtype} {tuple(self.x.shape)}"
            raise DataError(f"images: read {read}; images are torch.uint8 or torch.float32 (N, C, H, W)")
        if self.y.dtype != torch.int64 or self.y.shape != self.x.shape[:1]:
            read = f"{self.y.dtype} {tuple(self.y.shape)}"
            raise DataError(f"labels: read {read}; labels are torch.int64 ({len(self.x)},), one for each image")
        if len(self.y) and not 0 <= int(self.y.min()) <= int(self.y.max()) < len(self.classes):
            read = f"{int(self.y.min())} to {int(self.y.max())}"
            raise DataError(f"labels: read {read}; {len(self.classes)} classes need 0 to {len(self.classes) - 1}")

    def __len__(self) -> int:
        return len(self.x)

    def subset(self, index: Index) -> "ImageSet":
        """The images at these positions (integers or flags); a slice shares memory, and what is on disk stays there."""
        return ImageSet(taken(self.x, index), self.y[index], self.classes)

    def to(self, device: torch.device | str) -> "ImageSet":
        """The same images on a device; the set itself when it is there already."""
        x, y = self.x.to(device), self.y.to(device)
        return self if x is self.x and y is self.y else ImageSet(x, y, self.classes)


@dataclass(frozen=True, eq=False)
class Splits:
    """What `load_data` returns: disjoint images to learn from, to choose by, and to report on."""

    train: ImageSet
    valid: ImageSet
    """May be empty."""
    test: ImageSet
    name: str
    fingerprint: str
    """16 hexadecimal digits that stand for exactly these pixels and labels in this order and division."""
    license: str = UNKNOWN
    """Of the images, as their source's card says it, such as "mit"; "unknown" where it says nothing."""

    @property
    def num_classes(self) -> int:
        return len(self.train.classes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.train.x.shape[1:]
        return channels, height, width


def of_each_class(y: Tensor, count: int) -> Tensor:
    """Where the first `count` images of each class stand, in their order; all of a class that has fewer.

    Args:
        y: labels, int64 (n,).
        count: images of each class.
    Returns:
        Ascending positions, int64 (chosen,).
    """
    chosen = [(y == label).nonzero().flatten()[:count] for label in sorted(set(y.tolist()))]
    return torch.cat(chosen).sort().values if chosen else y.new_zeros(0)


def pixels(x: Pixels, *, bounded: bool = True) -> Tensor:
    """Images as float32 in [0, 1]: stored ones, uint8 in 0..255, are divided by 255; float32 is returned as it is.

    Args:
        x: images, uint8 or floats, (n, channels, height, width); those on disk are all read.
        bounded: refuse floats outside [0, 1]; False takes them as they are, as training does.
    Raises:
        DataError: a number lies outside [0, 1], or is none.
    """
    if isinstance(x, OnDisk):
        x = x[:]
    if not x.is_floating_point():
        return x.to(torch.float32).div_(255)
    if bounded and len(x):
        low, high = float(x.min()), float(x.max())
        if not (low >= 0 and high <= 1):  # written so that pixels that are not numbers are refused too
            raise DataError(f"pixels lie in [{low:.3g}, {high:.3g}]; they must be in [0, 1]: divide by 255")
    return x.float()


def check_labels(x: Tensor, y: Tensor) -> None:
    """Refuse images without exactly one label each.

    Raises:
        DataError: saying how many there are of each; or there are no images.
    """
    if y.shape != x.shape[:1] or not len(x):
        given = f"{len(y)} labels" if y.dim() == 1 else f"labels of shape {tuple(y.shape)}"
        raise DataError(f"{len(x)} images with {given}; give one label for each image, and at least one image")
