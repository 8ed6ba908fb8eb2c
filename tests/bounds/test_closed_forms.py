"""On a linear network the least margin over a ball is known exactly."""

import pytest
import torch
from torch import Tensor, nn

from blackthorn.bounds import crown, interval
from blackthorn.models import Normalize

BOUNDS = pytest.mark.parametrize("bound", [interval, crown], ids=["interval", "crown"])


def linear(classes: int, scale: float = 1.0) -> nn.Sequential:
    model = nn.Sequential(nn.Flatten(), nn.Linear(25, classes))
    nn.init.normal_(model[1].weight, std=scale)
    return model


def between(model: nn.Sequential, y: Tensor) -> Tensor:
    """The weights of own logit minus every logit, (batch, classes, pixels)."""
    weight = model[-1].weight.detach().double()
    return weight[y][:, None] - weight


def clear(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        logits = model.double()(x.double())
    model.float()
    return logits.gather(1, y[:, None]) - logits


def without_own(found: Tensor, y: Tensor) -> Tensor:
    return found.scatter(1, y[:, None], 0.0)


@BOUNDS
@pytest.mark.parametrize("classes", [2, 3, 10, 30])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_in_linf_the_bound_is_the_corner_of_the_cut_box(bound, classes: int, scale: float) -> None:
    model, x = linear(classes, scale), torch.rand(5, 1, 5, 5)
    y = torch.arange(5) % classes
    weight = between(model, y)
    low, high = (x.double() - 0.2).clamp(0, 1).flatten(1)[:, None], (x.double() + 0.2).clamp(0, 1).flatten(1)[:, None]
    right = torch.where(weight > 0, weight * low, weight * high).sum(2)
    bias = model[-1].bias.detach().double()
    right = right + (bias[y][:, None] - bias)
    found = without_own(bound(model, x, y, "linf", 0.2), y)
    assert (found <= right + 1e-12 * scale).all()
    assert torch.allclose(found, right, atol=2e-5 * scale)


@BOUNDS
@pytest.mark.parametrize("classes", [2, 10, 30])
def test_in_l2_the_bound_is_the_dual_norm_where_the_ball_lies_inside(bound, classes: int) -> None:
    model, x = linear(classes), torch.rand(5, 1, 5, 5) * 0.5 + 0.25
    y = torch.arange(5) % classes
    right = clear(model, x, y) - 0.2 * between(model, y).norm(dim=2)
    found = without_own(bound(model, x, y, "l2", 0.2), y)
    assert (found <= right + 1e-12).all() and torch.allclose(found, right, atol=1e-4)


@BOUNDS
def test_in_l2_the_box_counts_where_the_ball_leaves_it(bound) -> None:
    model, x = linear(3), torch.rand(4, 1, 5, 5)
    y = torch.arange(4) % 3
    weight = between(model, y)
    anywhere = (
        weight.clamp_max(0).sum(2) + model[-1].bias.detach().double()[y][:, None] - model[-1].bias.detach().double()
    )
    found = without_own(bound(model, x, y, "l2", 100.0), y)
    assert torch.allclose(found, anywhere, atol=1e-6)


@BOUNDS
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_normalisation_and_convolution_before_it_keep_the_bound_exact(bound, norm: str) -> None:
    """One convolution over all of the image is a linear layer."""
    conv = nn.Conv2d(1, 4, 5)
    model = nn.Sequential(Normalize([0.3], [0.2]), conv, nn.Flatten())
    x, y = torch.rand(3, 1, 5, 5) * 0.5 + 0.25, torch.tensor([0, 1, 3])
    merged = nn.Sequential(nn.Flatten(), nn.Linear(25, 4))
    with torch.no_grad():
        merged[1].weight.copy_(conv.weight.flatten(1) / 0.2)
        merged[1].bias.copy_(conv.bias - 0.3 / 0.2 * conv.weight.flatten(1).sum(1))
    right = without_own(crown(merged, x, y, norm, 0.1), y)
    if bound is crown:
        assert torch.allclose(without_own(crown(model, x, y, norm, 0.1), y), right, atol=1e-4)
        return
    own = interval(merged[:1].append(merged[1]).append(nn.Identity()), x, y, norm, 0.1)  # logits bounded one by one
    assert torch.allclose(without_own(interval(model, x, y, norm, 0.1), y), without_own(own, y), atol=1e-4)
