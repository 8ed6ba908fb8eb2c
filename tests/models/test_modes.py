import pytest
import torch
from torch import nn

from blackthorn.models import eval_mode, frozen


def half_asleep() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    model[1].eval()
    model[0].weight.requires_grad_(False)
    return model


def test_eval_mode_restores_each_module_to_its_own_mode():
    model = half_asleep()
    with eval_mode(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, False, True]


def test_eval_mode_restores_after_an_error():
    model = half_asleep()
    with pytest.raises(RuntimeError), eval_mode(model):
        raise RuntimeError
    assert model.training and not model[1].training


def test_eval_modes_nest():
    model = half_asleep()
    with eval_mode(model), eval_mode(model):
        pass
    assert model.training


def test_frozen_restores_exactly_the_parameters_that_were_learning():
    model = half_asleep()
    before = [parameter.requires_grad for parameter in model.parameters()]
    with frozen(model):
        assert not any(parameter.requires_grad for parameter in model.parameters())
        x = torch.rand(3, 2, requires_grad=True)
        model.eval()(x).sum().backward()
    assert x.grad is not None and all(parameter.grad is None for parameter in model.parameters())
    assert [parameter.requires_grad for parameter in model.parameters()] == before == [False, True, True, True]
