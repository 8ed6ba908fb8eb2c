"""Accuracy against closed forms on linear networks, where the truth is known."""

import json

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD
from blackthorn.errors import DataError, ModelError
from blackthorn.measuring import Accuracy, evenly, wilson
from blackthorn.results import to_json
from blackthorn.values import ValidationError, parse, spell


def linear(pixels: int = 16, classes: int = 2) -> nn.Sequential:
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(pixels, classes))
    nn.init.normal_(model[2].weight)
    with torch.no_grad():
        model[2].bias.copy_(-model[2].weight.sum(1) / 2)  # the boundary goes through the grey image
    return model


def images(n: int = 300) -> Tensor:
    return 0.1 + 0.8 * torch.rand(n, 1, 4, 4)


def labels(model: nn.Module, x: Tensor, wrong: int = 0) -> Tensor:
    y = model.eval()(x).argmax(1)
    model.train()
    y[:wrong] = 1 - y[:wrong]
    return y


def leads(model: nn.Sequential, x: Tensor, y: Tensor) -> Tensor:
    """The linf distance to the boundary of a binary linear network; negative when wrong."""
    weight = model[2].weight[1] - model[2].weight[0]
    logits = model.eval()(x)
    model.train()
    return (logits[:, 1] - logits[:, 0]) * (2 * y - 1) / weight.abs().sum()


def test_natural_accuracy_counts_what_is_right():
    model, x = linear(), images(50)
    got = Accuracy()(model, x, labels(model, x, wrong=10))
    assert (got.value, got.n) == (0.8, 50)
    assert (got.low, got.high) == wilson(40, 50)
    assert got.flags.tolist() == [False] * 10 + [True] * 40


@pytest.mark.parametrize("attack", [FGSM(eps=0.05), PGD(eps=0.05, steps=10)])
def test_robust_accuracy_of_a_binary_linear_network_is_the_closed_form(attack):
    model, x = linear(), images()
    y = labels(model, x, wrong=30)
    got = Accuracy(attack=attack, precision="float32")(model, x, y)
    assert torch.equal(got.flags, leads(model, x, y) > 0.05)
    assert 0 < got.value < 0.9


def test_radius_zero_gives_natural_accuracy():
    model, x = linear(), images()
    y = labels(model, x, wrong=30)
    got = Accuracy(attack=FGSM(eps=0), precision="float32")(model, x, y)
    assert torch.equal(got.flags, Accuracy()(model, x, y).flags)
    assert (got.mean_linf, got.mean_l2) == (0.0, 0.0)


def test_mean_perturbation_of_fgsm_is_eps_and_eps_times_root_pixels():
    model, x = linear(), images()
    got = Accuracy(attack=FGSM(eps=0.05), precision="float32")(model, x, labels(model, x, wrong=100))
    assert got.mean_linf == pytest.approx(0.05, rel=1e-4)
    assert got.mean_l2 == pytest.approx(0.05 * 4, rel=1e-4)


def test_adversarial_images_are_kept_and_reproduce_the_flags():
    model, x = linear(), images()
    y = labels(model, x)
    got = Accuracy(attack=PGD(eps=0.05, steps=5))(model, x, y)
    assert torch.equal(Accuracy()(model, got.x_adv, y).flags, got.flags)


def test_stored_bytes_and_their_floats_measure_the_same():
    model = linear()
    stored = torch.randint(0, 256, (100, 1, 4, 4), dtype=torch.uint8)
    y = labels(model, stored.float() / 255, wrong=7)
    for measure in (Accuracy(), Accuracy(attack=FGSM(eps=0.02), precision="float32")):
        assert torch.equal(measure(model, stored, y).flags, measure(model, stored.float() / 255, y).flags)


@pytest.mark.parametrize("attack", [None, FGSM(eps=0.05)])
def test_the_batch_size_changes_nothing(attack):
    model, x = linear(), images(101)
    y = labels(model, x, wrong=7)
    small = Accuracy(attack=attack, batch_size=10, precision="float32")(model, x, y)
    whole = Accuracy(attack=attack, batch_size=1000, precision="float32")(model, x, y)
    assert torch.equal(small.flags, whole.flags)


@pytest.mark.parametrize("attack", [None, PGD(eps=0.05, steps=3)])
def test_measuring_leaves_network_images_and_random_state_alone(attack):
    model, x = linear(), images(40)
    y = labels(model, x)
    weight, before, state = model[2].weight.clone(), x.clone(), torch.get_rng_state()
    Accuracy(attack=attack)(model, x, y)
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(x, before)
    assert torch.equal(model[2].weight, weight) and model[2].weight.grad is None
    assert all(module.training for module in model.modules())


def test_the_same_measure_twice_gives_the_same_images():
    model, x = linear(), images(40)
    y, measure = labels(model, x), Accuracy(attack=PGD(eps=0.02, steps=3), precision="float32")
    first = measure(model, x, y)
    torch.rand(5)
    assert torch.equal(first.x_adv, measure(model, x, y).x_adv)


def test_n_max_takes_images_evenly_spread():
    assert evenly(10, 4).tolist() == [0, 2, 5, 7]
    assert evenly(3, 8).tolist() == [0, 1, 2] == evenly(3, None).tolist()


def test_the_halves_share_no_image_and_are_spread_evenly():
    assert evenly(7, None, "even").tolist() == [0, 2, 4, 6]
    assert evenly(7, 2, "odd").tolist() == [1, 3]
    model, x = linear(), images(9)
    y = labels(model, x)
    even, odd = (Accuracy(part=part)(model, x, y) for part in ("even", "odd"))
    assert even.index.tolist() == [0, 2, 4, 6, 8] and odd.index.tolist() == [1, 3, 5, 7]
    assert "part" not in spell(Accuracy())  # so that no address of what is stored changes
    with pytest.raises(DataError, match="no image at odd places among 1"):
        Accuracy(part="odd")(model, x[:1], y[:1])


def test_n_max_measures_those_images_and_says_which():
    model, x = linear(), images(10)
    y = labels(model, x, wrong=3)
    got = Accuracy(n_max=4)(model, x, y)
    assert got.n == 4 and got.index.tolist() == [0, 2, 5, 7] and got.flags.tolist() == [False, False, True, True]


def test_progress_reaches_the_number_of_images():
    model, x = linear(), images(25)
    seen: list[tuple[int, int]] = []
    measure = Accuracy(batch_size=10)
    measure(model, x, labels(model, x), progress=lambda _, done, total: seen.append((done, total)))
    assert seen == [(10, 25), (20, 25), (25, 25)]


@pytest.mark.parametrize("attack", [None, FGSM(eps="8/255"), PGD(norm="l2", eps=0.5, steps=2)])
def test_a_record_is_flat_json(attack):
    model, x = linear(), images(20)
    record = to_json(Accuracy(attack=attack)(model, x, labels(model, x)).record())
    assert json.loads(json.dumps(record)) == record
    assert record.get("norm") == (None if attack is None else attack.norm)
    assert record.get("attack") == (None if attack is None else spell(attack))


def test_accuracy_is_spelled_and_parsed_with_its_attack():
    measure = Accuracy(attack=PGD(eps=0.3), n_max=100)
    assert spell(measure) == {"kind": "accuracy", "attack": {"kind": "pgd", "eps": 0.3}, "n_max": 100}
    assert parse(Accuracy, spell(measure)) == measure


def test_a_targeted_attack_is_refused():
    with pytest.raises(ValidationError, match="remove targeted: true"):
        Accuracy(attack=FGSM(eps=0.1, targeted=True))


@pytest.mark.parametrize("attack", [None, FGSM(eps=0.1)])
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (torch.rand(3, 1, 4, 4), torch.tensor([0, 1]), "3 images with 2 labels"),
        (torch.rand(0, 1, 4, 4), torch.tensor([]), "0 images with 0 labels"),
        (torch.rand(1, 1, 4, 4), torch.tensor([2]), r"labels lie in \[2, 2\], but the network has 2 logits"),
        (255 * torch.ones(1, 1, 4, 4), torch.tensor([0]), r"pixels lie in \[255, 255\]"),
    ],
)
def test_images_and_labels_that_cannot_be_measured_are_refused(attack, x, y, message):
    with pytest.raises(DataError, match=message):
        Accuracy(attack=attack)(linear(), x, y)


@pytest.mark.parametrize("attack", [None, FGSM(eps=0.1)])
def test_logits_that_are_not_finite_are_an_error_not_an_accuracy(attack):
    model = linear()
    nn.init.constant_(model[2].bias, float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        Accuracy(attack=attack)(model, torch.rand(3, 1, 4, 4), torch.zeros(3, dtype=torch.long))
