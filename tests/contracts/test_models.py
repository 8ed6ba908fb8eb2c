"""What every built-in network promises."""

import copy

import pytest
import torch
from torch import Tensor, nn

from blackthorn.models import architecture_of, build

from .examples import MODELS

Network = tuple[nn.Module, Tensor]


@pytest.fixture(scope="module", params=MODELS)
def network(request: pytest.FixtureRequest) -> Network:
    """A network of three classes in eval mode, and three images for it."""
    channels, side = MODELS[request.param]
    torch.manual_seed(1)
    model = build(request.param, num_classes=3, shape=(channels, side, side))
    return model.eval(), torch.rand(3, channels, side, side)


def test_logits_are_finite_one_for_each_class(network: Network) -> None:
    model, x = network
    logits = model(x)
    assert logits.shape == (3, 3) and logits.dtype == torch.float32 and torch.isfinite(logits).all()


def test_the_seed_and_the_architecture_make_the_network_again(network: Network) -> None:
    model, _ = network
    torch.manual_seed(1)
    again = build(architecture_of(copy.deepcopy(model)))
    assert type(again) is type(model)
    for (name, a), (other, b) in zip(model.state_dict().items(), again.state_dict().items(), strict=True):
        assert name == other and torch.equal(a, b)


def test_a_network_in_eval_mode_takes_each_image_by_itself(network: Network) -> None:
    model, x = network
    with torch.no_grad():
        assert torch.allclose(model(x)[:1], model(x[:1]), atol=1e-4)
