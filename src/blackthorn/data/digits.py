"""The digits of scikit-learn: 1,797 grey images of 8 x 8 that need no network.

Reference:
    Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI repository (its test set).
"""

import numpy as np
import torch

from .decode import Decoder
from .gathering import Sink
from .splits import stratified

_TEST = 360  # a fifth, as is usual for these digits; 1,437 are left for training


def read_digits(decoder: Decoder, sink: Sink) -> None:
    """Parts `train` (1,437) and `test` (360, stratified, fixed). Pixels 0..16 become 0..255."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    levels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    x = decoder.stack([(Image.fromarray(image), f"digits row {row}") for row, image in enumerate(levels)])
    y = torch.from_numpy(digits.target.astype(np.int64))

    test = torch.zeros(len(y), dtype=torch.bool)
    test[stratified(y, _TEST)] = True
    chosen = {"train": ~test, "test": test}
    sink.begin({part: y[rows] for part, rows in chosen.items()}, tuple("0123456789"), decoder.size)
    for part, rows in chosen.items():
        sink.add(part, x[rows][sink.there(part) :])
