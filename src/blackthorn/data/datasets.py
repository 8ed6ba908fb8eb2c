"""Images as PyTorch has them, read into memory: any `Dataset` of (image, label), or a `DataLoader` of one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..errors import DataError
from .images import ImageSet

Images = ImageSet | Dataset[Any] | DataLoader[Any] | tuple[Tensor, Tensor]
"""What is taken wherever images are: (x, y) are tensors of all images and of all labels."""


def as_images(given: Images) -> ImageSet:
    """Labelled images in memory.

    Args:
        given: an `ImageSet`; tensors (x, y); a map-style `Dataset` whose items are (image, label), an image being a
            PIL image, an array or a tensor; or a `DataLoader`, of which the data set is taken. An image of floats is
            taken as it is, and one of bytes is divided by 255 where it is used.
    Returns:
        The images themselves where they are an `ImageSet`. Names of classes come from the data set's `classes`.
    Raises:
        DataError: items are something else, differ in size, or are another image each time.
    """
    if isinstance(given, ImageSet):
        return given
    if isinstance(given, DataLoader):
        given = given.dataset
    if isinstance(given, (tuple, list)) and len(given) == 2:
        x, y = (torch.as_tensor(one) for one in given)
        return _made(x, y, None)
    if not (hasattr(given, "__getitem__") and hasattr(given, "__len__")):
        raise DataError(
            f"a {type(given).__name__} gives no images by number; give a map-style Dataset of (image, label), an "
            "ImageSet, or tensors (x, y)"
        )
    items = [_item(given, number) for number in range(len(given))]
    if not items:
        raise DataError(f"{type(given).__name__} is empty; give at least one image")
    again, _ = _item(given, 0)
    if not torch.equal(again, items[0][0]):
        raise DataError(
            f"{type(given).__name__} gives another image each time; take random transforms out of it, and write "
            "augment=[Crop(pad=4), Flip()] instead"
        )
    sizes = {tuple(image.shape) for image, _ in items}
    if len(sizes) > 1:
        raise DataError(f"{type(given).__name__} has images of several sizes, {sorted(sizes)[:2]}; resize them")
    x, y = torch.stack([image for image, _ in items]), torch.tensor([label for _, label in items])
    names = getattr(given, "classes", None)
    return _made(x, y, names if isinstance(names, (list, tuple)) else None)


def _item(dataset: Any, number: int) -> tuple[Tensor, int]:
    item = dataset[number]
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        read = f"item {number} of {type(dataset).__name__} is a {type(item).__name__}"
        raise DataError(f"{read}; (image, label) is wanted")
    image, label = item
    if not isinstance(image, Tensor):
        array = np.array(image)  # a PIL image or an array: channels last, as both have them
        if array.dtype.kind not in "uif" or array.ndim not in (2, 3):
            raise DataError(
                f"item {number} of {type(dataset).__name__} begins with a {type(image).__name__}, which is no image"
            )
        image = torch.from_numpy(array[..., None] if array.ndim == 2 else array).permute(2, 0, 1)
    if image.dim() == 2:
        image = image[None]
    try:
        return image, int(label)
    except (TypeError, ValueError):
        raise DataError(
            f"item {number} of {type(dataset).__name__} ends with a {type(label).__name__}; a class number is wanted"
        ) from None


def _made(x: Tensor, y: Tensor, names: Sequence[object] | None) -> ImageSet:
    x = x if x.dtype == torch.uint8 else x.float()
    y = y.long()
    most = int(y.max()) + 1 if y.numel() else 0
    classes = tuple(map(str, names or range(most)))
    return ImageSet(x, y, classes if len(classes) >= most else tuple(map(str, range(most))))
