"""Sets that are attacked some images at a time: the numbers of the whole set."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, Crafted, UniversalNoise
from blackthorn.measuring import Accuracy, Certified, Detection, Measure, PruningCurve, Subject
from blackthorn.measuring.blocks import blocks, joined
from blackthorn.pruning import Magnitude

NOISE = UniversalNoise(target=1, limit=0.25)


@pytest.fixture
def subject() -> Iterator[Subject]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 3))
        other = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
        x = torch.randint(0, 256, (61, 1, 4, 4), dtype=torch.uint8)
        noise = 0.5 * torch.rand(1, 4, 4) - 0.25
    y = model(x / 255).argmax(1)
    y[::5] = (y[::5] + 1) % 3
    yield Subject(model, x, y, source=other, noises=[noise])


@pytest.mark.parametrize(
    "measure",
    [
        Accuracy(batch_size=4),
        Accuracy(attack=FGSM(eps=0.05), batch_size=4, n_max=50),
        Accuracy(attack=NOISE, batch_size=4),
        Detection(noises=(NOISE,), batch_size=4),
        Detection(attack=FGSM(eps=0.05), batch_size=4),
        PruningCurve(criterion=Magnitude(), last=0.8, step=0.2, noises=(NOISE,), batch_size=4),
        Certified(eps=0.01, method="interval"),
    ],
    ids=lambda measure: f"{measure.kind}-{getattr(measure, 'attack', None) and measure.attack.kind}",
)
def test_a_measure_of_blocks_is_that_of_the_whole(
    subject: Subject, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    if getattr(measure, "source", None) is None and not measure.noises:
        subject = replace(subject, source=None)
    subject = replace(subject, noises=subject.noises if measure.noises else ())
    whole = measure.measure(subject)
    monkeypatch.setattr("blackthorn.measuring.blocks._AT_ONCE", 12 * 64)  # 12 images of 4 bytes each for 16 pixels
    told: list[tuple[int, int]] = []
    parts = measure.measure(subject, progress=lambda _, done, total: told.append((done, total)))
    for one, other in zip(whole.records, parts.records, strict=True):
        assert numbers(one) == pytest.approx(numbers(other), nan_ok=True)
    if whole.flags is not None:
        assert parts.flags is not None and torch.equal(whole.flags, parts.flags)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert not told or told[-1][0] == told[-1][1]


def numbers(record: object) -> dict[str, float]:
    return {name: said for name, said in vars(record).items() if isinstance(said, (int, float)) and name != "seconds"}


def test_a_transfer_of_blocks_agrees_as_often(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    measure: Any = Accuracy(attack=FGSM(eps=0.05), batch_size=4, precision="float32")
    whole = measure(subject.model, subject.x, subject.y, source=subject.source)
    monkeypatch.setattr("blackthorn.measuring.blocks._AT_ONCE", 12 * 64)
    parts = measure(subject.model, subject.x, subject.y, source=subject.source)
    assert torch.equal(whole.flags, parts.flags)
    assert whole.agreement == pytest.approx(parts.agreement)
    assert 0 < parts.mean_linf <= 0.05 + 1e-6 and parts.mean_l2 == pytest.approx(whole.mean_l2)
    assert torch.equal(whole.x_adv[:12], parts.x_adv)  # the first block's are kept


def test_blocks_are_whole_batches_of_at_most_256_mib() -> None:
    assert blocks(torch.empty(10_000, 3, 32, 32), 250) == [slice(0, 10_000)]
    large = torch.empty(1, 3, 224, 224).expand(600, -1, -1, -1)
    assert blocks(large, 200) == [slice(0, 400), slice(400, 600)]
    assert blocks(large, 1000) == [slice(0, 600)]  # one batch at least


def crafted(n: int, **more: Any) -> Crafted:
    fooled = torch.zeros(n, dtype=torch.bool)
    return Crafted(torch.zeros(n, 1), fooled, fooled.long() - 1, "float32", ("doubt",), 1.0, **more)


def test_doubts_are_joined_and_the_least_thorough_counts() -> None:
    one = crafted(2, alarms=("flat",), dead_pixels=0.5, contributions={"apgd": 2}, tier="full")
    other = replace(
        crafted(3, dead_pixels=0.25, contributions={"apgd": 1, "fab": 1}, tier="screen"), warnings=("other",)
    )
    whole = joined([one, other])
    assert (whole.warnings, whole.alarms, whole.dead_pixels) == (("doubt", "other"), ("flat",), 0.25)
    assert (whole.contributions, whole.tier, len(whole.fooled), whole.seconds) == (
        {"apgd": 3, "fab": 1},
        "screen",
        5,
        2,
    )
    assert joined([one]) is one and isinstance(whole.x_adv, Tensor)
