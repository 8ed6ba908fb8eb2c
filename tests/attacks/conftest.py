import copy

import pytest
from torch import Tensor, nn

from blackthorn.data import pixels

from .networks import held_out, trained_cnn


@pytest.fixture(scope="session")
def _trained() -> nn.Module:
    return trained_cnn()


@pytest.fixture
def trained(_trained: nn.Module) -> nn.Module:
    """A small network that classifies striped images, in eval mode; each test has its own copy."""
    return copy.deepcopy(_trained)


@pytest.fixture
def x() -> Tensor:
    """96 striped images, float32 (96, 1, 8, 8)."""
    return pixels(held_out().x)


@pytest.fixture
def y() -> Tensor:
    return held_out().y
