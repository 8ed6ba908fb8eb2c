"""Three ways to perturb images, and how accuracy as a measure of a recipe asks for them."""

import dataclasses

import pytest
import torch
from torch import Tensor

from blackthorn.attacks import FGSM, PGD, UniversalNoise
from blackthorn.data import pixels, stripes
from blackthorn.errors import AttackError, DataError
from blackthorn.measuring import Accuracy
from blackthorn.measuring.measure import Measure, Subject
from blackthorn.measuring.threats import Noise, Transfer, WhiteBox
from blackthorn.results import AccuracyRecord
from blackthorn.training import Substitute

from ..attacks.networks import cnn, trained_cnn

ATTACK = FGSM(eps=0.1)
MAKER = UniversalNoise(target=1, limit=0.3)


def some(n: int = 40) -> tuple[Tensor, Tensor]:
    images = stripes(test=n).test
    return pixels(images.x), images.y


def test_a_white_box_follows_the_measured_network_and_leaves_alone_what_it_has_wrong() -> None:
    model, (x, y) = trained_cnn(), some()
    y[:3] = (y[:3] + 1) % 4
    crafted = WhiteBox(ATTACK, precision="float32").perturb(model, x, y)
    assert torch.equal(crafted.x_adv[:3], x[:3]) and torch.equal(crafted.fooled, model(crafted.x_adv).argmax(1) != y)


def test_a_transfer_follows_the_source_on_every_image() -> None:
    model, source, (x, y) = trained_cnn(), cnn(seed=2), some()
    crafted = Transfer(ATTACK, source, precision="float32").perturb(model, x, y)
    assert torch.allclose(crafted.x_adv, ATTACK(source, x, y), atol=1e-6)
    assert torch.equal(crafted.fooled, model(crafted.x_adv).argmax(1) != y)


def test_a_noise_is_on_every_image_and_says_how_often_it_reaches_its_target() -> None:
    model, (x, y) = trained_cnn(), some()
    threat = Noise(MAKER, 0.3 * torch.ones(1, 8, 8))
    crafted = threat.perturb(model, x, y)
    assert torch.equal(crafted.x_adv, (x + 0.3).clamp(0, 1))
    assert torch.equal(crafted.by == 0, crafted.fooled) and crafted.labels is not None
    share = (model(crafted.x_adv).argmax(1)[y != 1] == 1).float().mean().item()
    assert threat.targeted_success(crafted, y) == pytest.approx(share)
    assert threat.targeted_success(crafted, torch.ones_like(y)) is None


@pytest.mark.parametrize("threat", [WhiteBox(PGD(eps=0.1, steps=2)), Transfer(PGD(eps=0.1, steps=2), cnn(seed=2))])
def test_random_starts_are_the_same_every_time_and_torchs_generator_is_left_alone(threat: WhiteBox | Transfer) -> None:
    model, (x, y), before = trained_cnn(), some(), torch.get_rng_state()
    first, again = threat.perturb(model, x, y), threat.perturb(model, x, y)
    assert torch.equal(first.x_adv, again.x_adv) and torch.equal(torch.get_rng_state(), before)


def test_a_recipe_is_given_the_record_the_flags_and_the_first_images() -> None:
    model, (x, y) = trained_cnn(), some()
    measure = Accuracy(attack=ATTACK, n_max=20, precision="float32")
    assert isinstance(measure, Measure) and measure.noises == () and measure.source is None
    seen, direct = measure.measure(Subject(model, x, y)), measure(model, x, y)
    (record,) = seen.records
    assert isinstance(record, AccuracyRecord) and record.parameters == sum(p.numel() for p in model.parameters())
    assert [sum(numbers) for numbers in zip(*record.by_class)] == [round(record.value * record.n), record.n]
    plain = dataclasses.replace(record, seconds=0, parameters=None, by_class=())
    assert plain == dataclasses.replace(direct.record(), seconds=0)
    assert seen.flags is not None and torch.equal(seen.flags, direct.flags)
    assert seen.examples is not None and direct.x_adv is not None
    index = direct.index[:8]
    assert torch.equal(seen.examples["original"], x[index]) and torch.equal(seen.examples["label"], y[index])
    assert torch.equal(seen.examples["adversarial"], direct.x_adv[:8])
    for name, images in (("predicted", x[index]), ("predicted_adversarial", direct.x_adv[:8])):
        assert torch.equal(seen.examples[name], model(images).argmax(1))


def test_natural_accuracy_keeps_no_images() -> None:
    model, (x, y) = trained_cnn(), some()
    assert Accuracy().measure(Subject(model, x, y)).examples is None


def test_a_recipe_hands_over_what_the_measure_asked_to_have_made() -> None:
    model, source, (x, y), noise = trained_cnn(), cnn(seed=2), some(), 0.3 * torch.ones(1, 8, 8)
    (noisy,) = Accuracy(attack=MAKER).measure(Subject(model, x, y, noises=[noise])).records
    assert isinstance(noisy, AccuracyRecord) and noisy.targeted_success is not None and noisy.eps == 0.3
    (transferred,) = Accuracy(attack=ATTACK).measure(Subject(model, x, y, source=source)).records
    assert isinstance(transferred, AccuracyRecord) and transferred.source == "network"


@pytest.mark.parametrize(
    ("measure", "effort"),
    [
        (Accuracy(), 100),
        (Accuracy(attack=ATTACK), 300),
        (Accuracy(attack=ATTACK, n_max=5), 15),
        (Accuracy(part="odd"), 50),
        (Accuracy(attack=MAKER), 300),
        (Accuracy(attack=PGD(eps=0.1, steps=7, restarts=2)), 1600),
    ],
)
def test_effort_counts_passes_of_the_images_that_are_measured(measure: Accuracy, effort: float) -> None:
    assert measure.effort(100) == effort


def test_what_cannot_be_measured_is_refused_before_anything_is_trained() -> None:
    splits = stripes(train=40, test=40)
    Accuracy(attack=MAKER).check(splits)
    with pytest.raises(AttackError, match="universal_noise aims at class 4, but stripes has 4 classes"):
        Accuracy(attack=UniversalNoise(target=4, limit=0.3)).check(splits)
    with pytest.raises(DataError, match="source: a substitute is trained on the first 40 of 40 test images"):
        Accuracy(attack=ATTACK, source=Substitute(holdout=40)).check(splits)
