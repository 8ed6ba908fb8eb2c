import copy
from typing import Any

import pytest
import torch
from torch import nn

from blackthorn.data import stripes
from blackthorn.errors import PruningError
from blackthorn.objectives import CrossEntropy
from blackthorn.pruning import ADMM, Magnitude, Pruning, masks_for, prune
from blackthorn.training import Adam, fit
from blackthorn.values import ValidationError


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 4))


def test_the_projection_keeps_the_largest_weights_of_a_tensor_exactly_as_many_as_asked() -> None:
    weight = torch.tensor([[3.0, -1.0], [0.5, -4.0], [2.0, 2.0]])
    assert ADMM(sparsity=0.5).project(weight).tolist() == [[3.0, 0.0], [0.0, -4.0], [0.0, 2.0]]  # a tie: the first goes
    rows = ADMM(sparsity=0.4, unit="filters").project(weight)  # norms 3.16, 4.03, 2.83; one of three goes
    assert rows.tolist() == [[3.0, -1.0], [0.5, -4.0], [0.0, 0.0]]
    assert weight[0, 1] == -1


def test_nothing_sparse_is_nearer_than_the_projection() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 5)
    nearest = (weight - ADMM(sparsity=0.6).project(weight)).norm()
    for _ in range(200):
        other = weight.flatten().clone()
        other[torch.randperm(20)[:12]] = 0
        assert (weight.flatten() - other).norm() >= nearest


def test_penalty_and_updates_are_those_of_a_loop_by_hand() -> None:
    model = small()
    options = ADMM(sparsity=0.5, rho=0.2, growth=1.5, period=2)
    drawn = options(model)
    weights = {name: p for name, p in model.named_parameters() if p.dim() > 1}
    rho, z, u = (
        0.2,
        {n: options.project(w) for n, w in weights.items()},
        {n: 0 * w.detach() for n, w in weights.items()},
    )
    for epoch in range(6):
        with torch.no_grad():
            for weight in weights.values():
                weight.add_(0.1 * torch.randn_like(weight))
        expected = sum(rho / 2 * (w - z[n] + u[n]).pow(2).sum() for n, w in weights.items())
        assert torch.is_tensor(expected)
        assert drawn.penalty(model).item() == pytest.approx(expected.item(), rel=1e-5)
        drawn.after_epoch(model, epoch)
        if epoch % 2 == 1:
            rho *= 1.5
            for name, weight in weights.items():
                z[name] = options.project(weight + u[name])
                u[name] = u[name] + weight.detach() - z[name]
    assert all(torch.equal(drawn.sparse[name], z[name]) for name in weights)
    assert all(torch.allclose(drawn.dual[name], u[name]) for name in weights)
    gradient = torch.autograd.grad(drawn.penalty(model), list(weights.values()))
    for (name, weight), found in zip(weights.items(), gradient):
        assert torch.allclose(found, rho * (weight - z[name] + u[name]), atol=1e-6)


def test_weights_come_near_to_sparse_ones_so_that_pruning_moves_them_less() -> None:
    images = stripes(train=256).train
    lost: dict[bool, float] = {}
    for admm in (True, False):
        model = small()
        fit(model, images, CrossEntropy(), epochs=3, batch_size=32, optimizer=Adam(lr=0.01))
        drawn = ADMM(sparsity=0.9, period=4, rho=0.1)(model)
        distances = [drawn.distance(model)]
        for epochs in (4, 4):
            options: dict[str, Any] = {"constraints": [drawn]} if admm else {}
            fit(model, images, CrossEntropy(), epochs=epochs, batch_size=32, optimizer=Adam(lr=0.003), **options)
            distances.append(drawn.distance(model))
        if admm:
            assert distances[2] < distances[1] < distances[0]
            assert distances[2] < 0.5 * distances[0]
        before = copy.deepcopy(model)
        prune(model, Magnitude(), sparsity=0.9, scope="per_layer")
        lost[admm] = sum((p - q).pow(2).sum().item() for p, q in zip(before.parameters(), model.parameters()))
    assert lost[True] < 0.5 * lost[False]


def test_what_pruning_removes_is_what_the_projection_leaves_out() -> None:
    model = small()
    drawn = ADMM(sparsity=0.7)(model)
    masks = masks_for(model, Pruning(criterion=Magnitude(), sparsity=0.7, scope="per_layer"))
    assert all(torch.equal(drawn.sparse[name] != 0, mask) for name, mask in masks.items())


def test_layers_can_be_named_and_another_networks_checkpoint_is_refused() -> None:
    drawn = ADMM(sparsity=0.5, layers=("3",))(small())
    assert drawn.names == ["3.weight"]
    with pytest.raises(PruningError, match="draws other weights than this run"):
        drawn.load_state_dict(ADMM(sparsity=0.5)(small()).state_dict())
    with pytest.raises(PruningError, match="layers: 'fc9' is none"):
        ADMM(sparsity=0.5, layers=("fc9",))(small())
    with pytest.raises(ValidationError, match="removes nothing"):
        ADMM(sparsity=0)
