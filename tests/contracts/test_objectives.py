"""What every objective promises."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.gates import insert_gates
from blackthorn.models import Gaussian
from blackthorn.objectives import Variational

from ..attacks import networks
from .examples import OBJECTIVES


def cnn(objective: Any) -> nn.Module:
    """The network of the attacks' tests with ReLU, which every objective can look through, with what it needs."""
    model = networks.cnn()
    for position, layer in enumerate(model):
        if isinstance(layer, nn.Tanh):
            model[position] = nn.ReLU()
    if isinstance(objective, Variational):
        return Gaussian(model, rho=-3.0)
    return insert_gates(model, torch.rand(1, 1, 8, 8)) if getattr(objective, "gated", False) else model


EVERY_OBJECTIVE = pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)


@EVERY_OBJECTIVE
def test_the_total_is_a_finite_scalar_that_every_weight_can_learn_from(objective: Any, x: Tensor, y: Tensor) -> None:
    model = cnn(objective).train()
    loss = objective(model, x, y)
    for one in (loss, *loss.own.values()):
        mean = one.mean(len(x))
        assert mean.shape == () and torch.isfinite(mean) and mean > 0
        mean.backward(retain_graph=True)
    # The bias before a norm is the exception: the norm takes it out again.
    assert all(
        p.grad is not None and (p.grad != 0).any()
        for name, p in model.named_parameters()
        if not name.endswith("2.bias")
    )


@EVERY_OBJECTIVE
def test_parts_are_detached_scalars_and_accuracy_is_a_fraction(objective: Any, x: Tensor, y: Tensor) -> None:
    parts = objective(cnn(objective).train(), x, y).parts
    assert all(part.shape == () and not part.requires_grad for part in parts.values())
    assert 0 <= parts["accuracy"] <= 1


@EVERY_OBJECTIVE
def test_the_network_stays_in_train_mode_with_its_gradient_flags(objective: Any, x: Tensor, y: Tensor) -> None:
    model = cnn(objective).train()
    first, weight = next(iter(model.named_parameters()))
    weight.requires_grad_(False)
    objective(model, x, y)
    assert all(module.training for module in model.modules())
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == [first]
    assert all(p.grad is None for p in model.parameters())


@EVERY_OBJECTIVE
def test_images_are_left_as_they_were(objective: Any, x: Tensor, y: Tensor) -> None:
    images, labels = x.clone(), y.clone()
    objective(cnn(objective), x, y)
    assert torch.equal(x, images) and torch.equal(y, labels) and not x.requires_grad


@EVERY_OBJECTIVE
def test_the_loss_falls_when_its_gradient_is_followed(objective: Any, x: Tensor, y: Tensor) -> None:
    model = cnn(objective).eval()
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        total = objective(model, x, y).mean(len(x))
        total.backward()
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(1e-3 * p.grad / (1e-12 + p.grad.norm()))
                p.grad = None
        losses.append(total.item())
    assert losses[1] < losses[0]


@EVERY_OBJECTIVE
def test_the_total_is_in_float32_whatever_the_arithmetic(objective: Any, x: Tensor, y: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert objective(cnn(objective), x, y).total.dtype == torch.float32
