"""Pruning curves against the slow obvious way: copy the network, prune it, count; for every rate anew."""

import copy
import math
from collections.abc import Callable
from functools import reduce
from operator import and_
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import UniversalNoise
from blackthorn.data import ImageSet, Splits
from blackthorn.errors import AttackError, DataError, PruningError
from blackthorn.measuring import Measure, PruningCurve, Subject, highest_rate
from blackthorn.measuring.walk import Walk
from blackthorn.pruning import ActivatedValue, FilterNorm, Magnitude, Masks, Pruning, masks_for
from blackthorn.results import PruningCurveRecord
from blackthorn.values import ValidationError

RATES = [0.0, 0.2, 0.4, 0.6, 0.8]
SWEEP: dict[str, Any] = {"last": 0.8, "step": 0.2}
NOISES = (UniversalNoise(target=1, limit=0.25), UniversalNoise(target=2, limit=0.5, clip_eval=False))


@pytest.fixture
def model() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 3)]
        return nn.Sequential(*layers)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(60, 1, 4, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def y(model: nn.Module, x: Tensor) -> Tensor:
    """What the network says, with every fifth label wrong: accuracy is 80 % before anything is pruned."""
    said: Tensor = model(x).argmax(1)
    said[::5] = (said[::5] + 1) % 3
    return said


@pytest.fixture
def noises() -> list[Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [noise.limit * (2 * torch.rand(1, 4, 4, generator=generator) - 1) for noise in NOISES]


def slowly(model: nn.Module, x: Tensor, y: Tensor, *removed: Masks) -> float:
    """The accuracy of a copy without what is removed."""
    one = copy.deepcopy(model)
    if removed:
        reduce(and_, removed).apply_(one)
    with torch.no_grad():
        return (one(x).argmax(1) == y).float().mean().item()


def per_layer(criterion: Any, rate: float, *layers: str) -> Pruning:
    return Pruning(criterion=criterion, sparsity=rate, scope="per_layer", layers=layers)


def values(records: list[PruningCurveRecord], **where: object) -> list[float]:
    return [one.value for one in records if all(getattr(one, name) == held for name, held in where.items())]


@pytest.mark.parametrize("scope", ["per_layer", "global"])
@pytest.mark.parametrize(
    "criterion", [Magnitude(), Magnitude(include_output=False), ActivatedValue(images=20)], ids=repr
)
def test_a_curve_is_what_pruning_a_copy_at_every_rate_gives(
    criterion: Any, scope: Any, model: nn.Module, x: Tensor, y: Tensor, noises: list[Tensor]
) -> None:
    curve = PruningCurve(criterion=criterion, scope=scope, noises=NOISES, **SWEEP)
    found = curve(model, x, y, scored_on=(x, None), noises=noises)
    for noise, name, images in zip(
        (None, *NOISES), (None, "1, 0.25", "2, 0.5"), (x, (x + noises[0]).clamp(0, 1), x + noises[1])
    ):
        slow = [slowly(model, images, y)]
        for rate in RATES[1:]:
            masks = masks_for(model, Pruning(criterion=criterion, sparsity=rate, scope=scope, floor=0), x=x)
            slow.append(slowly(model, images, y, masks))
        assert values(found, noise=name) == pytest.approx(slow, abs=1e-6), noise
    assert [one.rate for one in found[: len(RATES)]] == RATES and len(found) == 3 * len(RATES)


def test_a_combination_removes_what_either_does_the_second_less_by_the_offset(
    model: nn.Module, x: Tensor, y: Tensor
) -> None:
    both = PruningCurve(criterion=Magnitude(), also=ActivatedValue(images=20), offset=0.3, **SWEEP)
    found = both(model, x, y, scored_on=(x, None))
    for one, rate in zip(found, RATES):
        removed = []
        if rate > 0:
            removed.append(masks_for(model, per_layer(Magnitude(), rate), x=x))
        if rate > 0.3:
            less = round(rate - 0.3, 10)
            removed.append(masks_for(model, per_layer(ActivatedValue(images=20), less), x=x))
        assert one.value == pytest.approx(slowly(model, x, y, *removed))
        gone = reduce(and_, removed).removed if removed else 0
        assert one.sparsity == pytest.approx(gone / (16 * 12 + 12 * 10 + 10 * 3))


def test_each_layer_alone_leaves_the_others_whole(model: nn.Module, x: Tensor, y: Tensor) -> None:
    found = PruningCurve(criterion=Magnitude(), each_layer=True, **SWEEP)(model, x, y)
    for layer in ("1", "3", "5"):
        slow = [slowly(model, x, y)]
        for rate in RATES[1:]:
            slow.append(
                slowly(
                    model,
                    x,
                    y,
                    masks_for(model, per_layer(Magnitude(), rate, layer), x=x),
                )
            )
        assert values(found, layer=layer) == pytest.approx(slow)
    assert [one.layer for one in found[:: len(RATES)]] == ["1", "3", "5"]
    alone = PruningCurve(criterion=Magnitude(), layers=("3",), **SWEEP)(model, x, y)
    assert values(alone) == values(found, layer="3") and alone[0].layer is None


def test_layers_that_are_no_plain_chain_and_a_layer_that_is_emptied_are_walked_too(
    model: nn.Sequential, x: Tensor, y: Tensor
) -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, images: Tensor) -> Tensor:
            answered: Tensor = self.inner(images)
            return answered

    curve = PruningCurve(criterion=Magnitude(), each_layer=True, **SWEEP)
    assert values(curve(Whole(), x, y)) == values(curve(model, x, y))
    few = PruningCurve(criterion=Magnitude(), each_layer=True, batch_size=7, **SWEEP)
    assert values(few(model, x, y)) == values(curve(model, x, y))
    one = nn.Sequential(nn.Flatten(), nn.Linear(16, 1, bias=False), nn.Linear(1, 3, bias=False))
    emptied = PruningCurve(criterion=Magnitude(), layers=("1",), first=0.99, last=0.99)(one, x, y)
    assert emptied[0].sparsity == pytest.approx(15 / 19)


def test_a_module_that_stands_twice_in_a_chain_runs_twice(x: Tensor) -> None:
    """The first pruned layer itself, and an activation before, at and behind it."""
    torch.manual_seed(0)
    tanh, twice = nn.Tanh(), nn.Linear(12, 12)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), tanh, twice, tanh, twice, tanh, nn.Linear(12, 3))
    with torch.no_grad():
        for weight in (model[1].weight, twice.weight, model[7].weight):
            weight.mul_(4)
        model[1].bias.copy_(-model[1].weight.sum(1) / 2)  # so that images are answered differently
    y = model(x).argmax(1)
    assert len(y.unique()) == 3
    for layers in (("3",), ("7",), ()):
        found = PruningCurve(criterion=Magnitude(), layers=layers, **SWEEP)(model, x, y)
        masks = [masks_for(model, per_layer(Magnitude(), rate, *layers), x=x) for rate in RATES[1:]]
        slow = [slowly(model, x, y), *(slowly(model, x, y, one) for one in masks)]
        assert values(found) == pytest.approx(slow)


def test_weights_that_lie_channels_last_come_back_to_their_places(x: Tensor) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 2), nn.Flatten(), nn.Linear(6, 3))
    y, curve = model(x).argmax(1), PruningCurve(criterion=Magnitude(), each_layer=True, **SWEEP)
    wanted = values(curve(model, x, y))
    last = model.to(memory_format=torch.channels_last)
    assert not last[2].weight.is_contiguous() and values(curve(last, x, y)) == wanted


def test_what_a_larger_rate_removes_includes_what_a_smaller_one_does(model: nn.Module, x: Tensor, y: Tensor) -> None:
    for criterion, layers in ((Magnitude(), ()), (FilterNorm(include_linear=True), ()), (Magnitude(), ("3",))):
        curve = PruningCurve(criterion=criterion, layers=layers, **SWEEP)
        zeros = [one.sparsity for one in curve(model, x, y)]
        assert zeros == sorted(zeros) and zeros[0] == 0 < zeros[-1]


@pytest.mark.parametrize("watched", [1, 2])  # the first layer itself, whose products are not added up then
def test_a_network_is_not_asked_again_where_only_zeros_go(watched: int, model: nn.Sequential, x: Tensor) -> None:
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Linear):
                layer.weight[:, : layer.in_features // 2] = 0.0
    asked: list[int] = []

    def masks(rate: float) -> list[Masks]:
        return [masks_for(model, per_layer(Magnitude(), rate), x=x)] if rate else []

    walk = Walk(model, [0.0, 0.2, 0.4, 0.6], masks)
    assert isinstance(walk.model, nn.Sequential)
    walk.model[watched].register_forward_hook(lambda *_: asked.append(1))
    said = list(walk.answers(x, batch_size=60))
    assert len(asked) == 2 and torch.equal(said[1], said[3])  # at 0.6, and at 0.4, where all are back but zeros


def test_targeted_success_is_of_images_of_other_classes(
    model: nn.Module, x: Tensor, y: Tensor, noises: list[Tensor]
) -> None:
    found = PruningCurve(criterion=Magnitude(), noises=NOISES[:1], last=0.0)(model, x, y, noises=noises[:1])
    said = model((x + noises[0]).clamp(0, 1)).argmax(1)
    assert found[0].targeted_success is None
    assert found[1].targeted_success == pytest.approx((said[y != 1] == 1).float().mean().item())


def test_gained_and_lost_are_images_against_the_smallest_rate(
    model: nn.Module, x: Tensor, y: Tensor, noises: list[Tensor]
) -> None:
    found = PruningCurve(criterion=Magnitude(), noises=NOISES[:1], **SWEEP)(model, x, y, noises=noises[:1])
    pruned = copy.deepcopy(model)
    masks_for(model, per_layer(Magnitude(), 0.8), x=x).apply_(pruned)
    noisy = (x + noises[0]).clamp(0, 1)
    before, after = (one(noisy).argmax(1) == y for one in (model, pruned))
    assert (found[5].gained, found[5].lost) == (0, 0)
    assert found[-1].gained == int((after & ~before).sum()) and found[-1].lost == int((before & ~after).sum())


@pytest.mark.parametrize("accuracy", [0.8, 0.5])
def test_the_highest_rate_is_the_largest_of_all_that_keep_the_accuracy(
    accuracy: float, model: nn.Module, x: Tensor, y: Tensor
) -> None:
    found = highest_rate(model, Magnitude(), x, y, accuracy=accuracy, first=0.05, last=0.95, step=0.05)
    keeping = []
    for step in range(1, 20):
        rate = round(0.05 * step, 10)
        if slowly(model, x, y, masks_for(model, per_layer(Magnitude(), rate), x=x)) >= accuracy - 1e-9:
            keeping.append(rate)
    assert found.rate == max(keeping) and found.accuracy is not None and found.accuracy >= accuracy
    marked = [one.rate for one in found.curve if one.highest]
    assert marked == [found.rate]


def test_no_rate_may_keep_an_accuracy(model: nn.Module, x: Tensor, y: Tensor) -> None:
    found = highest_rate(model, Magnitude(), x, (y + 1) % 3, accuracy=1.0, step=0.5)
    assert (found.rate, found.accuracy, found.sparsity) == (None, None, None) and found.curve


def test_only_an_even_part_of_the_images_is_measured_on_request(model: nn.Module, x: Tensor, y: Tensor) -> None:
    found = PruningCurve(criterion=Magnitude(), n_max=20, **SWEEP)(model, x, y)
    assert found[0].n == 20 and found[0].value == pytest.approx(slowly(model, x[::3], y[::3]))


def test_rates_are_the_ones_that_were_written() -> None:
    assert PruningCurve(criterion=Magnitude()).rates == [round(i / 100, 10) for i in range(100)]
    fine = PruningCurve(criterion=Magnitude(), first=0.9, last=0.998, step=0.002).rates
    assert len(fine) == 50 and fine[0] == 0.9 and math.isclose(fine[-1], 0.998)


def test_what_cannot_be_is_refused(model: nn.Module, x: Tensor, y: Tensor) -> None:
    refused: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: PruningCurve(criterion=Magnitude(), first=0.5, last=0.4), ValidationError, "from first to last"),
        (lambda: PruningCurve(criterion=Magnitude(), noises=NOISES)(model, x, y), DataError, "0 noises for 2"),
        (lambda: PruningCurve(criterion=Magnitude())(model, x, y[:5]), DataError, "60 images with 5 labels"),
        (lambda: PruningCurve(criterion=Magnitude(), layers=("7",))(model, x, y), PruningError, "'7' is none"),
        (lambda: PruningCurve(criterion=ActivatedValue())(model, x, y), PruningError, "needs images"),
        (
            lambda: PruningCurve(criterion=ActivatedValue(), also=ActivatedValue(images=5)),
            ValidationError,
            "the same images",
        ),
    ]
    for call, kind, words in refused:
        with pytest.raises(kind, match=words):
            call()


def test_what_a_curve_needs_and_how_long_it_takes_is_known_before(x: Tensor) -> None:
    plain = PruningCurve(criterion=Magnitude(), **SWEEP)
    assert (plain.noises, plain.source, plain.scores_on) == ((), None, None)
    both = PruningCurve(criterion=Magnitude(), also=ActivatedValue(images=20), noises=NOISES, **SWEEP)
    assert (both.noises, both.scores_on) == (NOISES, ActivatedValue(images=20))
    assert (plain.effort(60), both.effort(60)) == (60 * 5, 60 * 3 * 5)
    assert PruningCurve(criterion=Magnitude(), n_max=20, **SWEEP).effort(60) == 20 * 5


def test_how_much_of_a_network_runs_at_each_rate_is_known_before(model: nn.Sequential, x: Tensor) -> None:
    """The layers multiply 16 x 12, 12 x 10 and 10 x 3 numbers: 342. Everything runs once; then what follows on the
    first pruned layer runs at each of five rates, while that layer only adds up what comes back.
    """

    def passes(model: nn.Module, **options: Any) -> float:
        return PruningCurve(criterion=Magnitude(), **SWEEP, **options).passes(model, x[:1])

    assert passes(model, layers=("3",)) == pytest.approx((342 + 5 * 30) / (5 * 342))
    assert passes(model) == pytest.approx((342 + 5 * 150) / (5 * 342))
    assert passes(model, each_layer=True) == pytest.approx((3 * 342 + 5 * (150 + 30 + 0)) / (5 * 342))
    model.register_forward_hook(lambda *_: None)  # a chain that is watched is not taken apart
    assert (passes(model), passes(model, each_layer=True)) == (1.0, 3.0)


def test_a_curve_of_a_subject_is_the_curve_of_what_it_holds(
    model: nn.Module, x: Tensor, y: Tensor, noises: list[Tensor]
) -> None:
    curve = PruningCurve(criterion=ActivatedValue(images=20), noises=NOISES, **SWEEP)
    found = curve.measure(Subject(model, x, y, noises=noises, scored_on=(x, None)))
    assert list(found.records) == curve(model, x, y, noises=noises, scored_on=(x, None))
    assert found.flags is None and isinstance(curve, Measure)


def test_a_noise_for_a_class_that_is_not_there_is_refused_before_anything_is_trained(x: Tensor, y: Tensor) -> None:
    held = ImageSet(x, y, ("a", "b", "c"))
    splits = Splits(held, held, held, "tiny", "")
    PruningCurve(criterion=Magnitude(), noises=NOISES).check(splits)
    far = PruningCurve(criterion=Magnitude(), noises=(UniversalNoise(target=3, limit=0.1),))
    with pytest.raises(AttackError, match="aims at class 3, but tiny has 3 classes, numbered from 0"):
        far.check(splits)


def test_a_noise_is_called_by_its_class_and_limit() -> None:
    assert [noise.name for noise in NOISES] == ["1, 0.25", "2, 0.5"]
