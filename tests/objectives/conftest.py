"""A small convolutional network, and images that it was not trained on."""

import pytest
from torch import Tensor, nn

from blackthorn.data import pixels

from ..attacks.networks import cnn, held_out


@pytest.fixture
def x() -> Tensor:
    return pixels(held_out(24).x)


@pytest.fixture
def y() -> Tensor:
    return held_out(24).y


@pytest.fixture
def model() -> nn.Sequential:
    return cnn().train()
