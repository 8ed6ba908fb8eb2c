"""Labelled images as uint8 tensors: read once, cached, split, and served in seeded batches."""

from .augment import Augmentation as Augmentation
from .augment import Crop as Crop
from .augment import Flip as Flip
from .datasets import Images as Images
from .datasets import as_images as as_images
from .images import ImageSet as ImageSet
from .images import Splits as Splits
from .images import check_labels as check_labels
from .images import of_each_class as of_each_class
from .images import pixels as pixels
from .load import load_data as load_data
from .loader import batches as batches
from .on_disk import OnDisk as OnDisk
from .on_disk import Pixels as Pixels
from .on_disk import taken as taken
from .saving import save_data as save_data
from .synthetic import stripes as stripes

__all__ = [
    "Augmentation",
    "Crop",
    "Flip",
    "ImageSet",
    "Images",
    "OnDisk",
    "Pixels",
    "Splits",
    "as_images",
    "batches",
    "check_labels",
    "load_data",
    "of_each_class",
    "pixels",
    "save_data",
    "stripes",
    "taken",
]
