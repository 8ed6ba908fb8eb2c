import pytest
import torch

from blackthorn.objectives import CrossEntropy
from blackthorn.training import fit, flushed

from .networks import images, small

pytestmark = pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor keeps denormals")


def tiny() -> bool:
    """Whether a denormal product is kept."""
    return bool((torch.tensor([1e-30]) * torch.tensor([1e-9])).item() != 0)


def test_denormals_are_zero_inside_and_back_afterwards() -> None:
    assert tiny()
    with flushed():
        assert not tiny()
    assert tiny()


def test_the_former_state_comes_back_after_an_error_and_when_it_was_flushing() -> None:
    with pytest.raises(KeyError), flushed():
        raise KeyError
    assert tiny()
    with flushed():
        with flushed():
            pass
        assert not tiny()


def test_training_gives_the_flag_back() -> None:
    fit(small(), images(), CrossEntropy(), epochs=1, stop_at_chance=False)
    assert tiny()
