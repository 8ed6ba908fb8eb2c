"""Objectives of networks with gates: weights and gates each minimise their own loss, at the same point."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD
from blackthorn.errors import ModelError, TrainingError
from blackthorn.gates import gates_of, insert_gates
from blackthorn.models import parameter_groups
from blackthorn.objectives import Adversarial, AdversarialPruning, BayesianPruning, CrossEntropy, Loss
from blackthorn.training.minimised import Minimised, backward

from ..gates.networks import half_closed

IMAGES = 1000


@pytest.fixture
def gated(model: nn.Sequential, x: Tensor) -> nn.Module:
    return half_closed(insert_gates(model, x)).train()


def anp(vulnerability: float = 0.5, **options: Any) -> AdversarialPruning:
    weights = Adversarial(attack=FGSM(eps=0.1), clean_weight=1 / 3, adv_weight=2 / 3, vulnerability=vulnerability)
    return AdversarialPruning(weights=weights, kl_weight=4, **options)


def step(model: nn.Module, loss: Loss) -> dict[str, Tensor]:
    """The gradients that the trainer gives."""
    learning = list(model.parameters())
    backward(Minimised(learning, parameter_groups(model), IMAGES).shares(loss))
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def divergence(model: nn.Module) -> Tensor:
    return torch.stack([gate.kl() for gate in gates_of(model)]).sum()


def features(model: Any, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The logits, and what the two tanh give."""
    held = []
    for number, layer in enumerate(model):
        x = layer(x)
        if number in (1, 4):
            held.append(x)
    return x, held


@pytest.mark.parametrize("vulnerability", [0.0, 0.5])
def test_gradients_are_those_of_two_separate_passes(
    gated: nn.Module, x: Tensor, y: Tensor, vulnerability: float
) -> None:
    by_hand = copy.deepcopy(gated)
    torch.manual_seed(7)
    read = step(gated, anp(vulnerability)(gated, x, y))

    by_hand.eval()
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(by_hand(leaf), y), leaf)
    x_adv = (x + 0.1 * gradient.sign()).clamp(0, 1)
    by_hand.train()
    wanted: dict[str, Tensor] = {}
    for gates_turn in (True, False):  # two passes of everything, one for each loss
        twin = copy.deepcopy(by_hand)
        torch.manual_seed(7)
        adversarial, moved = features(twin, x_adv)
        torch.manual_seed(7)
        clean, here = features(twin, x)
        if gates_turn:
            loss = F.cross_entropy(adversarial, y) + 4 * divergence(twin) / IMAGES
        else:
            v = torch.stack([(a - b).abs().mean() for a, b in zip(here, moved)]).mean()
            loss = (F.cross_entropy(clean, y) + 2 * F.cross_entropy(adversarial, y)) / 3 + vulnerability * v
        loss.backward()
        for name, p in twin.named_parameters():
            if ("_gate" in name) == gates_turn and p.grad is not None:
                wanted[name] = p.grad
    assert read.keys() == wanted.keys() and any("_gate" in name for name in read)
    for name, grad in wanted.items():
        torch.testing.assert_close(read[name], grad, rtol=1e-4, atol=1e-7, msg=name)


def test_the_gates_do_not_see_the_vulnerability(gated: nn.Module, x: Tensor, y: Tensor) -> None:
    found = []
    for vulnerability in (0.5, 50.0):
        twin = copy.deepcopy(gated)
        torch.manual_seed(7)
        found.append(step(twin, anp(vulnerability)(twin, x, y)))
    one, other = found
    assert all(torch.equal(one[name], other[name]) for name in one if "_gate" in name)
    assert not any(torch.equal(one[name], other[name]) for name in ("0.weight", "2.weight"))


def test_weights_and_gates_share_the_loss_of_bayesian_pruning(gated: nn.Module, x: Tensor, y: Tensor) -> None:
    twin = copy.deepcopy(gated)
    torch.manual_seed(7)
    read = step(gated, BayesianPruning(kl_weight=3)(gated, x, y))
    torch.manual_seed(7)
    (F.cross_entropy(twin(x), y) + 3 * divergence(twin) / IMAGES).backward()
    for name, p in twin.named_parameters():
        torch.testing.assert_close(read[name], p.grad, rtol=1e-5, atol=1e-8, msg=name)


def test_what_is_paid_once_is_shared_out_among_the_training_images(gated: nn.Module, x: Tensor, y: Tensor) -> None:
    loss = BayesianPruning(kl_weight=3)(gated, x, y)
    few, many = loss.mean(10).item(), loss.mean(1000).item()
    assert few - many == pytest.approx(3 * divergence(gated).item() * (1 / 10 - 1 / 1000), rel=1e-4)


def test_without_an_attack_clean_and_adversarial_images_meet_the_same_draws(
    gated: nn.Module, x: Tensor, y: Tensor
) -> None:
    weights = Adversarial(attack=FGSM(eps=0.0), vulnerability=1.0)
    parts = AdversarialPruning(weights=weights)(gated, x, y).parts
    assert parts["vulnerability"] == 0 and parts["loss"] == parts["adversarial_loss"]
    plain = AdversarialPruning(weights=Adversarial(attack=FGSM(eps=0.0)))
    same, anew = (
        plain(gated, x, y).parts,
        AdversarialPruning(weights=plain.weights, same_draws=False)(gated, x, y).parts,
    )
    assert same["loss"] == same["adversarial_loss"] and anew["loss"] != anew["adversarial_loss"]


def test_the_attack_sees_the_expected_gates(gated: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = PGD(eps=0.1, steps=2, random_start=False)
    torch.manual_seed(1)
    one = Adversarial(attack=attack).perturb(gated, x, y)
    torch.manual_seed(2)
    assert torch.equal(Adversarial(attack=attack).perturb(gated, x, y), one)
    assert torch.equal(one, attack(copy.deepcopy(gated).eval(), x, y))


def test_the_history_has_the_divergence_and_the_share_of_open_units(gated: nn.Module, x: Tensor, y: Tensor) -> None:
    parts = anp()(gated, x, y).parts
    names = {"loss", "accuracy", "adversarial_loss", "adversarial_accuracy", "vulnerability", "divergence", "open"}
    assert set(parts) == names
    open_units = torch.cat([gate.active() for gate in gates_of(gated)])
    assert parts["open"].item() == pytest.approx(open_units.float().mean().item()) and 0 < parts["open"] < 1
    assert parts["divergence"].item() == pytest.approx(divergence(gated).item(), rel=1e-6)


def test_a_network_without_gates_is_refused(model: nn.Module, x: Tensor, y: Tensor) -> None:
    for objective in (BayesianPruning(), anp()):
        with pytest.raises(ModelError, match=r"no gates to train; insert them first \(step: \{kind: gate\}\)"):
            objective(model, x, y)


def test_a_loss_of_parameters_that_the_network_does_not_have_is_refused(
    gated: nn.Module, model: nn.Module, x: Tensor, y: Tensor
) -> None:
    loss = CrossEntropy()(model, x, y)
    loss = Loss(loss.total, loss.parts, own={"gatez": loss})
    with pytest.raises(TrainingError, match="loss for parameters named 'gatez'; of this network no group has a name"):
        Minimised(model.parameters(), parameter_groups(model), IMAGES).shares(loss)
    with pytest.raises(TrainingError, match=r"named 'gatez'; of this network did you mean 'gates'\?"):
        Minimised(gated.parameters(), parameter_groups(gated), IMAGES).shares(loss)
