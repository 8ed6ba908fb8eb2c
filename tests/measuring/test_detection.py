"""A detector that looks at the outputs: hand-computed distances, what counts as noticed, and who knows of it."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import PGD, Evading, UniversalNoise
from blackthorn.errors import AttackError, DataError, ModelError
from blackthorn.measuring import Detection, Subject
from blackthorn.measuring.detection import nearer_reading, score
from blackthorn.results import DetectionRecord
from blackthorn.values import ValidationError

from ..attacks.networks import Linear

NOISE = UniversalNoise(target=1, limit=0.5)


class Echo(nn.Module):
    """Two pixels, two outputs: the pixels themselves."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def images(*outputs: tuple[float, float]) -> Tensor:
    return torch.tensor(outputs, dtype=torch.float32).reshape(-1, 1, 1, 2)


def detected(x: Tensor, y: list[int], noise: tuple[float, float], **options: object) -> DetectionRecord:
    measure = Detection(noises=(NOISE,), **{"outputs": "raw", **options})  # type: ignore[arg-type]
    (record,) = measure(Echo(), x, torch.tensor(y), noises=[torch.tensor(noise, dtype=torch.float32).reshape(1, 1, 2)])
    return record


def test_the_score_is_the_distance_to_the_nearest_one_hot_vector() -> None:
    outputs = torch.tensor([[1.0, 0.0, 0.0], [0.3, 0.4, 0.0], [0.0, -1.0, 3.0]])
    torch.testing.assert_close(score(outputs), torch.tensor([0.0, (0.09 + 0.36) ** 0.5, 5**0.5]))
    every = torch.cdist(outputs, torch.eye(3)).amin(1)
    torch.testing.assert_close(score(outputs), every)


def test_a_record_counted_by_hand() -> None:
    """Noise (0, 0.5), clipped at 1. Scores before: 0, 0, 1/4, 1/4; after: 1/2, 0, sqrt(5)/4, 1/4; all stay right."""
    record = detected(images((1, 0), (0, 1), (0.75, 0), (0.25, 1)), [0, 1, 0, 1], (0, 0.5))
    pairs = [4, 0.5 + 0.5, 4, 2 + 0.5 + 0.5]  # each attacked image against the four untouched ones
    assert record.value == pytest.approx(sum(pairs) / 16)
    assert (record.accuracy, record.accuracy_attacked, record.fooled) == (1, 1, 0)
    assert record.auroc_fooled is None and record.undetected == 0
    assert record.tpr_5 == 0.5 and record.threshold_5 == 0.25
    assert (record.n, record.noise, record.eps, record.outputs) == (4, "1, 0.5", 0.5, "raw")


def test_what_is_wrong_and_below_the_threshold_is_undetected_and_what_is_above_is_not() -> None:
    """Noise (-1, 0.8), clipped: (1, 0) becomes (0, 0.8), wrong and 0.2 from one-hot; (0.7, 0.2) becomes (0, 1)."""
    x, y = images((1, 0), (0.7, 0.2), (1, 0.1), (0, 1)), [0, 0, 0, 1]
    record = detected(x, y, (-1, 0.8))
    assert record.threshold_5 == pytest.approx(0.13**0.5)  # that of (0.7, 0.2), the farthest untouched one
    assert (record.fooled, record.accuracy_attacked) == (3, 0.25)
    assert record.undetected == 0.75 and record.tpr_1 == 0
    far = detected(x, y, (-1, 0.4))  # (0, 0.4), (0, 0.6), (0, 0.5): wrong, but 0.6, 0.4 and 0.5 from one-hot
    assert far.fooled == 3 and far.undetected == 0 and far.tpr_5 == 0.75
    assert far.auroc_fooled == 1


def test_of_raw_outputs_and_probabilities_auto_reads_those_that_are_near_one_hot() -> None:
    one_hot = torch.eye(4)
    assert nearer_reading(one_hot) == "raw" and nearer_reading(20 * one_hot - 5) == "softmax"
    x, y = images((1, 0), (0, 1)), [0, 1]
    assert detected(x, y, (0, 0), outputs="auto").outputs == "raw"
    assert detected(x, y, (0, 0), outputs="softmax").outputs == "softmax"


def test_no_change_cannot_be_noticed() -> None:
    record = detected(images((1, 0), (0.2, 0.9), (0.7, 0)), [0, 1, 0], (0, 0))
    assert record.value == 0.5 and record.tpr_5 == 0
    assert all(false == true for false, true in record.roc)


def test_an_attack_runs_to_its_end_on_every_image_also_one_that_is_wrong_already() -> None:
    """With one pixel x the outputs are x and 1 - x: class 0 is said above 0.5, and every image is of class 0."""
    model = Linear(torch.tensor([[1.0], [-1.0]]), torch.tensor([0.0, 1.0]))
    x, y = torch.tensor([0.8, 0.4]).reshape(2, 1, 1, 1), torch.tensor([0, 0])
    (record,) = Detection(attack=PGD(eps=0.4), outputs="raw")(model, x, y)
    assert (record.accuracy, record.fooled) == (0.5, 2)
    # It ends at 0.4 and at 0: scores 0.4 and 0 times sqrt 2, of untouched images 0.2 and 0.4 times sqrt 2.
    assert record.value == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert record.tpr_5 == 0 and record.undetected == 1


def linear() -> tuple[Linear, Tensor, Tensor]:
    """A network whose outputs for these images are one-hot vectors, but for a little."""
    generator = torch.Generator().manual_seed(3)
    weight, y = 0.2 * torch.randn(4, 64, generator=generator), torch.arange(40) % 4
    wanted = torch.eye(4)[y] + 0.03 * torch.randn(40, 4, generator=generator)
    x = 0.5 + (wanted - 0.25) @ torch.linalg.pinv(weight).T
    return Linear(weight, 0.25 - 0.5 * weight.sum(1)), x.reshape(40, 1, 8, 8), y


def test_an_attacker_who_knows_of_the_detector_is_less_noticed_than_one_who_does_not() -> None:
    model, x, y = linear()
    blind, knowing = (
        Detection(attack=attack, outputs="raw")(model, x, y)[0]
        for attack in (PGD(eps=0.2, loss="margin"), Evading(eps=0.2))
    )
    assert not blind.adaptive and knowing.adaptive
    assert blind.value > 0.9 and knowing.value < 0.1
    assert knowing.undetected == 1 and blind.undetected == 0


def test_the_attacker_looks_at_what_the_detector_reads() -> None:
    model, x, y = linear()
    (record,) = Detection(attack=Evading(eps=0.1, steps=2, restarts=1), outputs="softmax", n_max=4)(model, x, y)
    assert record.attack == {"kind": "evading", "eps": 0.1, "steps": 2, "restarts": 1, "outputs": "softmax"}


@pytest.mark.parametrize(("loss", "reading", "knows"), [("quadratic", "raw", True), ("ce", "raw", False)])
def test_a_noise_knows_of_the_detector_when_its_loss_pulls_at_what_is_read(
    loss: str, reading: str, knows: bool
) -> None:
    noise = UniversalNoise(target=1, limit=0.5, loss=loss)  # type: ignore[arg-type]
    measure = Detection(noises=(noise,), outputs=reading)  # type: ignore[arg-type]
    (record,) = measure(Echo(), images((1, 0)), torch.tensor([0]), noises=[torch.zeros(1, 1, 2)])
    assert record.adaptive is knows


def test_a_record_for_each_noise_in_their_order() -> None:
    other = UniversalNoise(target=0, limit=0.25)
    measure = Detection(noises=(NOISE, other))
    records = measure(Echo(), images((1, 0), (0, 1)), torch.tensor([0, 1]), noises=[torch.zeros(1, 1, 2)] * 2)
    assert [record.noise for record in records] == ["1, 0.5", "0, 0.25"]


def test_what_makes_no_sense_is_refused() -> None:
    for options in ({}, {"attack": PGD(eps=0.1), "noises": (NOISE,)}, {"attack": PGD(eps=0.1, targeted=True)}):
        with pytest.raises(ValidationError):
            Detection(**options)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match=r"1, 0\.5 are listed twice"):
        Detection(noises=(NOISE, UniversalNoise(target=1, limit=0.5, loss="quadratic")))
    with pytest.raises(ValidationError, match="no noise to make on it"):
        Detection(attack=PGD(eps=0.1), source={"kind": "network", "name": "twin"})  # type: ignore[arg-type]
    x, y = images((1, 0)), torch.tensor([0])
    with pytest.raises(AttackError, match="0 noises for 1"):
        Detection(noises=(NOISE,))(Echo(), x, y)
    with pytest.raises(DataError, match=r"labels lie in \[2, 2\]"):
        Detection(attack=PGD(eps=0.1))(Echo(), x, y + 2)
    with pytest.raises(ModelError, match="not finite for 1 of 1"):
        Detection(attack=PGD(eps=0.1))(Linear(torch.full((2, 2), torch.inf)), x, y)


def test_how_long_a_detector_takes_is_known_before() -> None:
    assert Detection(attack=PGD(eps=0.1, steps=5, restarts=2)).effort(100) == 100 * 21
    assert Detection(noises=(NOISE,), n_max=10).effort(100) == 10 * 2


def test_a_detector_of_a_subject_has_the_records_of_what_it_holds() -> None:
    x, y, noise = images((1, 0), (0, 1)), torch.tensor([0, 1]), torch.full((1, 1, 2), 0.2)
    measure = Detection(noises=(NOISE,), outputs="raw")
    (held,), (called,) = (
        measure.measure(Subject(Echo(), x, y, noises=[noise])).records,
        measure(Echo(), x, y, noises=[noise]),
    )
    assert held == replace(called, seconds=held.seconds)
