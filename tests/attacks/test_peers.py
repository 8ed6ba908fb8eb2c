"""Elementwise agreement with foolbox and ART from the same start: the image itself."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD
from blackthorn.attacks.ball import Norm

STEPS = 10
BALLS: list[tuple[Norm, float]] = [("linf", 0.1), ("l2", 0.5)]


@pytest.fixture
def inner(x: Tensor) -> Tensor:
    """Away from 0 and 1: ART clips before it projects, which in l2 is another point when both are at work."""
    return 0.55 * x[:24] + 0.22


def ours(norm: Norm, eps: float, steps: int = STEPS) -> PGD:
    return PGD(norm=norm, eps=eps, steps=steps, step_size=eps / 4, random_start=False)


@pytest.mark.parametrize(("norm", "eps"), BALLS)
def test_pgd_equals_foolbox(trained: nn.Module, inner: Tensor, y: Tensor, norm: Norm, eps: float) -> None:
    foolbox = pytest.importorskip("foolbox")
    attack_class = foolbox.attacks.LinfPGD if norm == "linf" else foolbox.attacks.L2PGD
    attack = attack_class(abs_stepsize=eps / 4, steps=STEPS, random_start=False)
    theirs = attack.run(foolbox.PyTorchModel(trained, bounds=(0, 1)), inner, y[:24], epsilon=eps)
    assert torch.allclose(ours(norm, eps)(trained, inner, y[:24]), theirs, atol=1e-5)


def test_fgsm_equals_foolbox_where_pixels_are_clipped(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    foolbox = pytest.importorskip("foolbox")
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    theirs = attack.run(foolbox.PyTorchModel(trained, bounds=(0, 1)), x, y, epsilon=0.3)
    assert torch.allclose(FGSM(eps=0.3, arithmetic="naive")(trained, x, y), theirs, atol=1e-5)


@pytest.fixture
def estimator(trained: nn.Module) -> Any:
    classification = pytest.importorskip("art.estimators.classification")
    return classification.PyTorchClassifier(
        trained, loss=nn.CrossEntropyLoss(), input_shape=(1, 8, 8), nb_classes=4, clip_values=(0.0, 1.0)
    )


@pytest.mark.parametrize(("norm", "eps"), BALLS)
def test_pgd_equals_art(estimator: Any, trained: nn.Module, inner: Tensor, y: Tensor, norm: Norm, eps: float) -> None:
    evasion = pytest.importorskip("art.attacks.evasion")
    attack = evasion.ProjectedGradientDescentPyTorch(
        estimator, norm=np.inf if norm == "linf" else 2, eps=eps, eps_step=eps / 4, max_iter=STEPS, verbose=False
    )
    theirs = torch.from_numpy(attack.generate(inner.numpy(), y[:24].numpy()))
    assert torch.allclose(ours(norm, eps)(trained, inner, y[:24]), theirs, atol=1e-5)


def test_fgsm_equals_art(estimator: Any, trained: nn.Module, x: Tensor, y: Tensor) -> None:
    evasion = pytest.importorskip("art.attacks.evasion")
    theirs = torch.from_numpy(evasion.FastGradientMethod(estimator, eps=0.1).generate(x.numpy(), y.numpy()))
    assert torch.allclose(FGSM(eps=0.1, arithmetic="naive")(trained, x, y), theirs, atol=1e-5)
