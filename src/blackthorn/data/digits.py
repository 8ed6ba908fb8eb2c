"""The digits of scikit-learn: 1,797 grey images of 8 x 8 that need no network.

Reference:
    Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI repository (its test set).
"""

import numpy as np
import torch

from .decode import Decoder
from .images import ImageSet
from .splits import stratified

_TEST = 360  # a fifth, as is usual for these digits; 1,437 are left for training


def read_digits(decoder: Decoder) -> dict[str, ImageSet]:
    """Parts `train` (1,437) and `test` (360, stratified, fixed). Pixels 0..16 become 0..255."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for row, pixels in enumerate(np.rint(digits.images * (255 / 16)).astype(np.uint8)):
        decoder.add(Image.fromarray(pixels), f"digits row {row}")
    y = torch.from_numpy(digits.target.astype(np.int64))
    every = ImageSet(decoder.stack(), y, tuple("0123456789"))

    test = stratified(y, _TEST)
    rest = torch.ones(len(y), dtype=torch.bool)
    rest[test] = False
    return {"train": every.subset(rest), "test": every.subset(test)}
