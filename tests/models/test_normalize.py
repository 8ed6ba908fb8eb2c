import pytest
import torch

from blackthorn.errors import ModelError
from blackthorn.models import Normalize


def test_normalize_subtracts_and_divides_by_channel():
    x = torch.full((1, 2, 1, 1), 0.5)
    assert Normalize([0.5, 0.25], [1.0, 0.5])(x).flatten().tolist() == [0.0, 0.5]


def test_normalize_travels_with_the_state():
    normalize = Normalize([0.1], [0.2])
    normalize.load_state_dict(Normalize([0.5], [2.0]).state_dict())
    assert normalize(torch.full((1, 1, 1, 1), 0.5)).item() == 0.0


@pytest.mark.parametrize(("mean", "std"), [([0.5], [0.0]), ([0.5], []), ([], []), ([0.5], [float("nan")])])
def test_normalize_refuses_what_cannot_be(mean, std):
    with pytest.raises(ModelError):
        Normalize(mean, std)
