import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.attacks import FGSM
from blackthorn.data import pixels, stripes
from blackthorn.errors import ModelError
from blackthorn.models import Gaussian
from blackthorn.objectives import Adversarial, CrossEntropy, Variational
from blackthorn.training import Adam, fit

from ..attacks.networks import cnn


def test_it_is_the_other_loss_plus_the_divergence_shared_out_among_the_images(x: Tensor, y: Tensor) -> None:
    model = Gaussian(cnn(), prior=0.5, rho=-3.0).train()
    torch.manual_seed(1)
    loss = Variational(kl_weight=0.3)(model, x, y)
    torch.manual_seed(1)
    plain = F.cross_entropy(model(x), y)
    assert loss.total.item() == pytest.approx(plain.item(), rel=1e-5)
    assert loss.once is not None and loss.once.item() == pytest.approx(0.3 * model.kl().item())
    assert loss.mean(100).item() == pytest.approx(plain.item() + 0.003 * model.kl().item(), rel=1e-5)


def test_a_network_without_gaussian_weights_is_refused(model: nn.Module, x: Tensor, y: Tensor) -> None:
    with pytest.raises(ModelError, match="has no Gaussian weights; write model"):
        Variational()(model, x, y)


def test_it_learns_under_attack_and_a_strong_prior_keeps_it_from_learning() -> None:
    images, accuracy = stripes(train=256).train, []
    for weight in (0.001, 100.0):
        model = Gaussian(cnn(), prior=0.1, rho=-4.0)
        objective = Variational(on=Adversarial(attack=FGSM(eps=0.05)), kl_weight=weight)
        history = fit(model, images, objective, epochs=4, batch_size=32, optimizer=Adam(lr=0.01), stop_at_chance=False)
        accuracy.append(history[-1]["accuracy"])
        assert history[-1]["divergence"] > 0
    assert accuracy[0] > 0.9 and accuracy[1] < accuracy[0] - 0.2
    model.eval()
    assert torch.equal(model(pixels(images.x[:4])), model(pixels(images.x[:4])))


def test_an_interrupted_training_goes_on_with_the_same_draws(tmp_path: Path) -> None:
    images = stripes(train=64).train

    class Stop(Exception):
        pass

    def until(limit: int | None):  # type: ignore[no-untyped-def]
        def progress(text: str, done: int, total: int) -> None:
            if limit is not None and done > limit:
                raise Stop

        return progress

    ends = []
    for interrupted in (False, True):
        model, file = Gaussian(cnn(), rho=-2.0), tmp_path / f"{interrupted}.pt"
        options = {"epochs": 3, "batch_size": 16, "checkpoint": file, "stop_at_chance": False, "precision": "float32"}
        if interrupted:
            with pytest.raises(Stop):
                fit(copy.deepcopy(model), images, Variational(on=CrossEntropy()), progress=until(9), **options)
        fit(model, images, Variational(on=CrossEntropy()), **options)
        ends.append(model.state_dict())
    assert all(torch.equal(one, ends[1][name]) for name, one in ends[0].items())
