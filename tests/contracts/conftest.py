import copy

import pytest
from torch import Tensor, nn

from blackthorn.data import pixels

from ..attacks.networks import held_out, trained_cnn


@pytest.fixture(scope="session")
def _trained() -> nn.Module:
    return trained_cnn()


@pytest.fixture
def model(_trained: nn.Module) -> nn.Module:
    """A small network with a norm that classifies striped images, in eval mode; each test has its own copy."""
    return copy.deepcopy(_trained)


@pytest.fixture
def x() -> Tensor:
    """32 striped images, float32 (32, 1, 8, 8)."""
    return pixels(held_out(32).x)


@pytest.fixture
def y() -> Tensor:
    return held_out(32).y
