"""Accuracy under adversarial images that were crafted elsewhere: who is attacked, who judges, what is left out."""

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from blackthorn.attacks import FGSM, PGD
from blackthorn.data import pixels, stripes
from blackthorn.errors import AttackError, DataError, ModelError
from blackthorn.measuring import Accuracy, SourceNetwork, Unpruned
from blackthorn.results import to_json
from blackthorn.training import Substitute
from blackthorn.values import ValidationError, parse, spell

from ..attacks.networks import Linear, cnn, trained_cnn

QUICK = Substitute(holdout=20, rounds=4, epochs=5, hidden=(16,))
ATTACK = FGSM(eps=0.1)


def some(n: int = 80) -> tuple[Tensor, Tensor]:
    images = stripes(test=n).test
    return pixels(images.x), images.y


def two() -> tuple[Linear, Linear]:
    """A source and a measured network that follow other pixels."""
    weights = torch.randn(2, 4, 64, generator=torch.Generator().manual_seed(0))
    return Linear(weights[0]), Linear(weights[0] + 0.7 * weights[1])


def test_every_image_is_attacked_on_the_source_and_judged_by_the_measured_network() -> None:
    (source, target), (x, _) = two(), some()
    y = target(x).argmax(1)
    got = Accuracy(attack=ATTACK, precision="float32")(target, x, y, source=source)
    by_hand = ATTACK(source, x, y)
    assert torch.equal(got.x_adv, by_hand)
    assert torch.equal(got.flags, target(by_hand).argmax(1) == y)
    assert 0 < got.value < 1 and (source(x).argmax(1) != y).any()  # also those that the source had wrong


def test_the_measured_network_as_its_own_source_is_the_white_box_step() -> None:
    model, (x, y) = trained_cnn(), some()
    black, white = Accuracy(attack=ATTACK)(model, x, y, source=model), Accuracy(attack=ATTACK)(model, x, y)
    assert torch.equal(black.flags, white.flags) and black.agreement == 1


def test_an_image_that_the_source_alone_has_wrong_is_attacked_all_the_same() -> None:
    (source, target), (x, _) = two(), some()
    y = target(x).argmax(1)
    got = Accuracy(attack=PGD(eps=0.05, steps=3, random_start=False))(target, x, y, source=source)
    wrong = source(x).argmax(1) != y
    assert wrong.any() and ((got.x_adv - x).flatten(1).abs().amax(1)[wrong] > 0.04).all()


def test_agreement_is_the_share_of_untouched_images_with_the_same_label() -> None:
    (source, target), (x, y) = two(), some()
    got = Accuracy(attack=ATTACK)(target, x, y, source=source)
    alike = (source(x).argmax(1) == target(x).argmax(1)).float().mean().item()
    assert got.agreement == pytest.approx(alike) and 0 < alike < 1


def test_what_a_substitute_was_trained_on_is_not_measured_and_the_record_says_so() -> None:
    model, (x, y) = trained_cnn(), some()
    got = Accuracy(attack=ATTACK, source=QUICK)(model, x, y)
    assert (got.n, got.first, len(got.flags)) == (60, 20, 60) and got.index.tolist() == list(range(20, 80))
    record = to_json(got.record())
    assert json.loads(json.dumps(record)) == record
    assert {"source": "substitute", "first": 20, "queries": 140, "n": 60}.items() <= record.items()
    assert record["agreement"] == got.agreement


def test_n_max_counts_what_is_left() -> None:
    model, (x, y) = trained_cnn(), some()
    got = Accuracy(attack=ATTACK, source=QUICK, n_max=4)(model, x, y)
    assert got.index.tolist() == [20, 35, 50, 65]


def test_a_white_box_record_has_no_word_of_sources() -> None:
    model, (x, y) = trained_cnn(), some()
    record = Accuracy(attack=ATTACK)(model, x, y).record()
    assert not {"source", "queries", "agreement"} & to_json(record).keys() and record.first == 0


def test_a_substitute_made_before_gives_the_same_as_one_made_on_the_spot() -> None:
    model, (x, y) = trained_cnn(), some()
    made = QUICK(model, x, y, num_classes=4)
    before = Accuracy(attack=ATTACK)(model, x, y, source=made)
    assert torch.equal(before.flags, Accuracy(attack=ATTACK, source=QUICK)(model, x, y).flags)
    assert (before.first, before.queries) == (20, 140)


def test_a_function_of_labels_is_all_that_is_needed() -> None:
    model, (x, y) = trained_cnn(), some()
    asked: list[Tensor] = []

    def predict(images: Tensor) -> Tensor:
        asked.append(images)
        with torch.no_grad():
            return model(images).argmax(1)

    got = Accuracy(attack=ATTACK, source=QUICK)(predict, x, y)
    assert torch.equal(got.flags, Accuracy(attack=ATTACK, source=QUICK)(model, x, y).flags)
    assert sum(map(len, asked)) == 140 + 60 + 60  # for the substitute, for the verdicts, for the agreement
    assert Accuracy()(predict, x, y).value == Accuracy()(model, x, y).value


def test_a_numpy_function_is_measured_on_arrays() -> None:
    weight = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    x, _ = some()
    y = Linear(weight)(x).argmax(1)

    def predict(images: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return images.reshape(len(images), -1) @ weight.numpy().T

    by_arrays = Accuracy(attack=ATTACK, source=QUICK)(predict, x.numpy(), y.numpy())
    assert torch.equal(by_arrays.flags, Accuracy(attack=ATTACK, source=QUICK)(Linear(weight), x, y).flags)


def test_measuring_with_a_source_leaves_both_networks_and_torchs_generator_alone() -> None:
    (x, y), source, target = some(), cnn(seed=1).train(), cnn(seed=2).train()
    states = [{name: t.clone() for name, t in net.state_dict().items()} for net in (source, target)]
    generator = torch.get_rng_state()
    Accuracy(attack=PGD(eps=0.1, steps=2, restarts=2))(target, x, y, source=source)
    assert torch.equal(torch.get_rng_state(), generator)
    for net, state in zip((source, target), states):
        assert net.training and all(p.grad is None for p in net.parameters())
        assert all(torch.equal(t, state[name]) for name, t in net.state_dict().items())


def test_a_source_is_spelled_and_left_out_where_there_is_none() -> None:
    measure = Accuracy(attack=ATTACK, source=Substitute(of="dense", rounds=3))
    assert spell(measure)["source"] == {"kind": "substitute", "of": "dense", "rounds": 3}
    assert parse(Accuracy, spell(measure)) == measure
    assert "source" not in spell(Accuracy(attack=ATTACK))
    assert parse(Accuracy, {"attack": {"kind": "fgsm", "eps": 0.1}, "source": {"kind": "network", "name": "a"}}) == (
        Accuracy(attack=ATTACK, source=SourceNetwork(name="a"))
    )


def test_what_cannot_be_is_refused() -> None:
    model, (x, y) = trained_cnn(), some()
    with pytest.raises(ValidationError, match="natural accuracy crafts no images"):
        Accuracy(source=Substitute())
    with pytest.raises(AttackError, match="natural accuracy crafts no images"):
        Accuracy()(model, x, y, source=model)
    with pytest.raises(ModelError, match=r"no gradients to attack it by; give Accuracy\(source=Substitute\(\)\)"):
        Accuracy(attack=ATTACK)(lambda images: torch.zeros(len(images), 4), x, y)
    with pytest.raises(ModelError, match="the network 'dense' of a recipe; from Python give source=network"):
        Accuracy(attack=ATTACK, source=SourceNetwork(name="dense"))(model, x, y)
    with pytest.raises(ModelError, match="the unpruned network of a recipe; from Python give source=network"):
        Accuracy(attack=ATTACK, source=Unpruned())(model, x, y)
    with pytest.raises(DataError, match="on the first 150 of 80 images, which leaves none to measure"):
        Accuracy(attack=ATTACK, source=Substitute())(model, x, y)
