"""Networks with Gaussian weights, against torch's own distributions and loops by hand."""

import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal, kl_divergence

from blackthorn import models
from blackthorn.deploy import load, save
from blackthorn.errors import ModelError
from blackthorn.models import Gaussian

TINY = {"kind": "mlp", "hidden": [6, 5]}


def tiny(**options: object) -> Gaussian:
    torch.manual_seed(0)
    made = models.build({"kind": "gaussian", "network": TINY, **options}, num_classes=3, shape=(1, 4, 4))
    assert isinstance(made, Gaussian)
    return made


def test_the_divergence_is_torchs_summed_over_every_parameter_of_every_layer() -> None:
    model = tiny(prior=0.3, rho=-2.0)
    with torch.no_grad():
        for rho in model.rho:
            rho.add_(torch.randn_like(rho))
    expected = sum(
        kl_divergence(Normal(mean, F.softplus(rho)), Normal(0.0, 0.3)).sum()
        for mean, rho in zip(model.mean.parameters(), model.rho)
    )
    assert torch.is_tensor(expected) and model.kl().item() == pytest.approx(expected.item(), rel=1e-5)
    assert len(model.rho) == 6  # weights and biases of three layers


def test_norms_are_drawn_too_and_their_statistics_are_kept() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    model = Gaussian(net, rho=-1.0).train()
    x = torch.rand(5, 1, 4, 4)
    assert not torch.equal(model(x), model(x))
    norm = net[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.num_batches_tracked is not None
    assert int(norm.num_batches_tracked) == 2 and len(model.rho) == 6


def test_gradients_reach_means_and_deviations_by_the_reparametrisation() -> None:
    model = tiny(rho=-1.0).train()
    x = torch.rand(7, 1, 4, 4)
    torch.manual_seed(5)
    model(x).square().sum().backward()
    torch.manual_seed(5)
    noise = [torch.empty_like(p).normal_() for p in model.mean.parameters()]
    plain = copy.deepcopy(model.mean)
    with torch.no_grad():
        for p, rho, n in zip(plain.parameters(), model.rho, noise):
            p.add_(F.softplus(rho) * n).grad = None
    plain.zero_grad()
    plain(x).square().sum().backward()
    for p, mean, rho, n in zip(plain.parameters(), model.mean.parameters(), model.rho, noise):
        assert p.grad is not None and mean.grad is not None and rho.grad is not None
        assert torch.allclose(mean.grad, p.grad, atol=1e-5)
        assert torch.allclose(rho.grad, p.grad * n * torch.sigmoid(rho), atol=1e-5)


def test_in_eval_mode_it_is_the_network_of_the_means_or_the_same_ensemble_every_time() -> None:
    x = torch.rand(7, 1, 4, 4)
    means, ensemble = tiny(rho=-1.0).eval(), tiny(rho=-1.0, draws=4).eval()
    assert torch.equal(means(x), means.mean(x))
    before = torch.get_rng_state()
    first = ensemble(x)
    assert torch.equal(first, ensemble(x)) and torch.equal(torch.get_rng_state(), before)
    shares = torch.zeros(7, 3)
    for draw in range(4):
        generator = torch.Generator().manual_seed(draw)
        plain = copy.deepcopy(ensemble.mean)
        with torch.no_grad():
            for p, rho in zip(plain.parameters(), ensemble.rho):
                p.add_(F.softplus(rho) * torch.empty_like(p).normal_(generator=generator))
            shares += plain(x).softmax(1) / 4
    assert torch.allclose(first.exp(), shares, atol=1e-6)


@pytest.mark.parametrize("draws", [0, 3])
def test_a_bundle_saves_and_loads_it(tmp_path: Path, draws: int) -> None:
    model = tiny(draws=draws, rho=-1.5)
    save(tmp_path / "bnn.safetensors", model)
    again = load(tmp_path / "bnn.safetensors").model
    x = torch.rand(7, 1, 4, 4)
    assert isinstance(again, Gaussian) and torch.equal(again(x), model.eval()(x))
    assert again.kl().item() == model.kl().item()


def test_it_is_built_over_any_built_in_network_and_over_no_other() -> None:
    spec = {"kind": "gaussian", "network": {"kind": "lenet5_caffe", "channels": [2, 3], "hidden": [4]}, "rho": -3}
    model = models.build(spec, num_classes=10, shape=(1, 28, 28))
    assert models.architecture_of(model)["network"] == spec["network"]
    held = sum(p.numel() for p in model.parameters())
    assert held == 2 * sum(p.numel() for p in models.lenet5_caffe(channels=[2, 3], hidden=[4]).parameters())
    for network, said in (("lenet", "there is no network 'lenet'"), ("gaussian", "there is no network 'gaussian'")):
        with pytest.raises(ModelError, match=said):
            models.build({"kind": "gaussian", "network": network}, num_classes=10, shape=(1, 28, 28))
    with pytest.raises(ModelError, match="prior must be a number above 0"):
        models.build({"kind": "gaussian", "prior": 0}, num_classes=10, shape=(1, 28, 28))
    with pytest.raises(ModelError, match="unexpected keyword argument 'depth'"):
        bad = {"kind": "gaussian", "network": {"kind": "lenet5_caffe", "depth": 3}}
        models.build(bad, num_classes=10, shape=(1, 28, 28))
