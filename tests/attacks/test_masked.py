"""Networks that hide their gradients: an alarm rings, and the number is that of the network without the mask."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FAB, FGSM, PGD, AttackWarning, AutoAttack, Crafted, Search, Square, craft
from blackthorn.attacks.verdict import as_many_as_on_average

from .masked import (
    Brightness,
    Detaches,
    Guards,
    HalfRounds,
    Masked,
    Noisy,
    Roots,
    Rounds,
    Steps,
    Sure,
    checkered_trap,
    trap,
    waves,
)
from .networks import Linear

MARGIN = PGD(eps=0.17, steps=10, loss="margin", random_start=False)


def attacked(attack: Search, model: nn.Module, x: Tensor, y: Tensor, **options: Any) -> Crafted:
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        return craft(attack, model, x, y, precision="float32", **options)


def again(model: nn.Module, crafted: Crafted, y: Tensor) -> float:
    with torch.no_grad():
        return (model.eval()(crafted.x_adv).argmax(1) == y).float().mean().item()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mask", "attack", "alarm"),
    [
        (Rounds, MARGIN, "zero gradients"),
        (Rounds, FGSM(eps=0.17), "zero gradients"),
        (Rounds, PGD(norm="l2", eps=1.0, steps=10), "zero gradients"),
        (Detaches, MARGIN, "no gradients"),
        (HalfRounds, MARGIN, "dead pixels"),
        (Roots, FGSM(eps=0.17), "non-finite gradients"),
        (Roots, MARGIN, "non-finite gradients"),
        (Sure, MARGIN, "probabilities"),
        (Guards, FGSM(eps=0.17), "wrong gradients"),
        (Guards, MARGIN, "wrong gradients"),
    ],
)
def test_a_mask_is_found_and_gains_nothing(
    trained: nn.Module, x: Tensor, y: Tensor, mask: type[Masked], attack: Search, alarm: str
) -> None:
    x = torch.where(x < 0.1, 0.0, x)  # so that there are black pixels, where the root has no derivative
    masked = mask(trained).eval()
    crafted, bare = attacked(attack, masked, x, y), attacked(attack, trained, x, y)
    assert alarm in crafted.alarms and bare.alarms == ()
    assert len(crafted.warnings) >= len(crafted.alarms)
    assert crafted.robust_accuracy <= bare.robust_accuracy + 0.05
    assert again(masked, crafted, y) == pytest.approx(crafted.robust_accuracy)


def test_where_nothing_can_be_mended_the_number_is_marked(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    crafted = attacked(MARGIN, Steps(trained).eval(), x[:24], y[:24])
    assert "zero gradients" in crafted.alarms


@pytest.mark.slow
def test_a_random_network_is_said_to_be_no_better_than_one_draw_finds_it(
    trained: nn.Module, x: Tensor, y: Tensor
) -> None:
    noisy = Noisy(trained).eval()
    for attack in (MARGIN, FGSM(eps=0.1)):
        crafted = attacked(attack, noisy, x, y)
        assert crafted.alarms == ("random",) and "20 draws" in crafted.warnings[0]
        with torch.no_grad():
            right = torch.stack([noisy(crafted.x_adv).argmax(1) == y for _ in range(500)]).float().mean(0)
        spread = (right * (1 - right) / 20).sum().sqrt().item() / len(x)  # of the mean of 20 draws
        assert right.mean() - 1 / len(x) - 3 * spread <= crafted.robust_accuracy <= right.mean() + 3 * spread
        assert crafted.robust_accuracy < (right >= 0.5).float().mean()  # what a majority would have said
        assert right[crafted.fooled].max() <= right[~crafted.fooled].min() + 0.5  # they are those most often fooled


def shaded(means: Tensor) -> Tensor:
    """Images of noise, each about its mean."""
    torch.manual_seed(0)
    return means[:, None, None, None] + 0.06 * (torch.rand(len(means), 1, 12, 12) - 0.5)


@pytest.mark.parametrize(
    "attack",
    [FGSM(eps=0.15), PGD(eps=0.15, steps=20), MARGIN, PGD(norm="l2", eps=1.8, steps=20)],
    ids=lambda attack: f"{attack.name}, {attack.norm}, {attack.loss}",
)
def test_waves_lead_no_attack_astray(attack: Search) -> None:
    """Each mean is 0.08 from the boundary, so that a radius of 0.15 fools every image, with waves or without."""
    x = shaded(torch.tensor([0.42, 0.58] * 20))
    y = (x.mean((1, 2, 3)) > 0.5).long()
    bare, masked = (attacked(attack, Brightness(seen).eval(), x, y) for seen in (None, waves))
    assert bare.alarms == () and bare.robust_accuracy == 0
    assert "shattered gradients" in masked.alarms and masked.robust_accuracy == 0


UPHILL = PGD(eps=0.15, steps=20, random_start=False)


@pytest.mark.parametrize("loss", ["ce", "margin"])
def test_squares_find_what_no_gradient_tells(loss: Any) -> None:
    """Pixels near 0.5 are in the trap, of which steps of 0.15 lead out: there they count 0.13 and more."""
    x, y, attack = shaded(torch.full((40,), 0.5)), torch.zeros(40, dtype=torch.int64), replace(UPHILL, loss=loss)
    bare, masked = (attacked(attack, Brightness(seen, above=0.06).eval(), x, y) for seen in (None, trap))
    assert bare.alarms == () and bare.robust_accuracy == 0
    assert masked.alarms == ("hidden gradients",) and masked.robust_accuracy == 0
    assert masked.contributions == {"PGD": 0, "Square": 40}


def test_the_cheap_tier_asks_as_long_as_the_full_one_before_it_is_believed() -> None:
    """Neither gradients nor 200 squares fool any image, and 5,000 squares fool all."""
    x, y = shaded(torch.full((32,), 0.5)), torch.zeros(32, dtype=torch.int64)
    model = Brightness(checkered_trap, above=0.08).eval()
    assert attacked(PGD(eps=0.15, steps=40), model, x, y).robust_accuracy == 1
    assert attacked(Square(eps=0.15, queries=200), model, x, y).robust_accuracy == 1
    crafted = attacked(AutoAttack(eps=0.15, tier="screen"), model, x, y)
    assert crafted.alarms == ("hidden gradients",) and crafted.robust_accuracy == 0
    assert crafted.tier == "full" and crafted.contributions["Square"] == 32


def test_the_cheap_tier_stays_cheap_where_no_square_helps() -> None:
    """No step of 0.15 makes these images bright enough, by whatever way."""
    x, y = shaded(torch.full((32,), 0.5)), torch.zeros(32, dtype=torch.int64)
    crafted = attacked(AutoAttack(eps=0.15, tier="screen"), Brightness(above=0.2).eval(), x, y)
    assert crafted.alarms == () and crafted.tier == "screen" and crafted.robust_accuracy == 1


def test_an_attack_that_took_long_is_doubted_by_as_many_squares() -> None:
    """Of 400 images that 200 steps leave, thousands of squares are tried on 4, and then on 48; fewer steps let none."""
    x, y = shaded(torch.full((400,), 0.5)), torch.zeros(400, dtype=torch.int64)
    hiding, healthy = Brightness(checkered_trap, above=0.08).eval(), Brightness(above=0.2).eval()
    crafted = attacked(PGD(eps=0.15, steps=200), hiding, x, y)
    assert crafted.alarms == ("hidden gradients",) and crafted.robust_accuracy == 1 and crafted.contributions == {}
    (said,) = crafted.warnings
    assert said.startswith("5000 random squares fooled 48 of 48 images") and "{kind: autoattack}" in said
    assert attacked(PGD(eps=0.15, steps=199), hiding, x, y).alarms == ()
    assert attacked(PGD(eps=0.15, steps=200), healthy, x, y).alarms == ()


def test_what_few_squares_find_is_chance_and_not_counted() -> None:
    """Of 40 images 37 are so dark that no step of 0.15 makes them bright."""
    x, y = shaded(torch.tensor([0.5] * 3 + [0.2] * 37)), torch.zeros(40, dtype=torch.int64)
    model = Brightness(trap, above=0.06).eval()
    assert attacked(Square(eps=0.15, queries=200), model, x, y).fooled.sum() == 3
    crafted = attacked(UPHILL, model, x, y)
    assert crafted.alarms == () and crafted.robust_accuracy == 1 and crafted.contributions == {}


@pytest.mark.parametrize(
    ("votes", "fooled"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0]),
        ([4, 4, 4, 4], [1, 0, 0, 0]),  # 16 of 20: less than one, and the first of equals
        ([20, 8, 8, 4], [1, 1, 0, 0]),  # 40 of 20: two
        ([20, 8, 8, 5], [1, 1, 1, 0]),  # 41 of 20: more than two
    ],
)
def test_as_many_images_count_as_fooled_as_a_draw_fools(votes: list[int], fooled: list[int]) -> None:
    found = as_many_as_on_average(torch.tensor(votes), 20)
    assert found.long().tolist() == fooled


def test_a_network_that_looks_at_its_neighbours_is_attacked_in_whole_batches(x: Tensor, y: Tensor) -> None:
    class Centred(Linear):
        """Each batch is centred; on a whole batch a linear network, whose lead a shift of all images alike keeps."""

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x - x.mean(0, keepdim=True))

    torch.manual_seed(1)
    model = Centred(torch.randn(4, 64))
    with torch.no_grad():
        labels = model(x).argmax(1)
    crafted = attacked(PGD(eps=0.02, steps=10, loss="margin"), model, x, labels)
    assert crafted.alarms == ("batch-dependent",)
    assert again(model, crafted, labels) == pytest.approx(crafted.robust_accuracy)
    assert crafted.robust_accuracy < 0.9


class AboveGrey(nn.Module):
    """Ten classes, which see by how much each pixel is above 0.5."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(10, 64, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: Tensor) -> Tensor:
        return (x - 0.5).relu().flatten(1) @ self.weight.T


def test_copies_of_one_image_do_not_tell_which_pixels_are_dead() -> None:
    """Half of the pixels of each image are a little below 0.5. FAB tries classes at once, on as many copies."""
    up = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.5
    x, model, attack = torch.where(up, 0.7, 0.499), AboveGrey().eval(), FAB(eps=0.01, steps=5, restarts=9)
    with torch.no_grad():
        y = model(x).argmax(1)
    many = attacked(attack, model, x, y)
    assert many.alarms == ()
    for stands in (~many.fooled).nonzero()[:4]:
        alone = attacked(attack, model, x[stands], y[stands])
        assert alone.alarms == () and not alone.fooled.any()


def test_what_is_wrong_already_does_not_hide_an_alarm(x: Tensor, y: Tensor) -> None:
    model = Linear(torch.eye(4, 64), scale=1e4)
    right = model(x).argmax(1)
    labels = torch.where(torch.arange(len(x)) < 16, (right + 1) % 4, right)
    crafted = attacked(FGSM(eps=0.01), model, x, labels, batch_size=8)
    assert any("saturate" in said for said in crafted.warnings)


def test_a_naive_attack_is_left_as_it_is(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    crafted = attacked(FGSM(eps=0.17, arithmetic="naive"), Rounds(trained).eval(), x, y)
    assert "zero gradients" in crafted.alarms and crafted.robust_accuracy > 0.9


class Gives(nn.Module):
    """A network that gives or takes things in its own way."""

    def __init__(self, net: nn.Module, way: Callable[[nn.Module, Tensor], Any]) -> None:
        super().__init__()
        self.net, self.way = net, way

    def forward(self, x: Tensor) -> Any:
        return self.way(self.net, x)


def two(net: nn.Module, x: Tensor) -> Tensor:
    logits = net(x)
    return logits[:, 2:].logsumexp(1, keepdim=True) - logits[:, :2].logsumexp(1, keepdim=True)


@pytest.mark.parametrize(
    "way",
    [
        lambda net, x: {"loss": None, "logits": net(x)},
        lambda net, x: (net(x), "more"),
        lambda net, x: net(x.relu_()),
    ],
    ids=["dict", "tuple", "in place"],
)
def test_any_output_is_attacked_like_the_logits_in_it(
    trained: nn.Module, x: Tensor, y: Tensor, way: Callable[[nn.Module, Tensor], Any]
) -> None:
    before = x.clone()
    crafted = attacked(MARGIN, Gives(trained, way).eval(), x, y)
    assert torch.equal(x, before)
    assert abs(crafted.robust_accuracy - attacked(MARGIN, trained, x, y).robust_accuracy) <= 0.05


@pytest.mark.parametrize(
    ("way", "alarms"),
    [
        (two, ()),
        (lambda net, x: two(net, x)[:, 0], ()),
        (lambda net, x: two(net, x).sigmoid(), ("probabilities",)),
    ],
    ids=["one logit", "1-D", "sigmoid"],
)
def test_one_number_for_each_image_is_the_logit_of_class_1(
    trained: nn.Module, x: Tensor, y: Tensor, way: Callable[[nn.Module, Tensor], Any], alarms: tuple[str, ...]
) -> None:
    def pair(net: nn.Module, x: Tensor) -> Tensor:
        return torch.cat([torch.zeros(len(x), 1), two(net, x)], 1)

    labels = (y >= 2).long()
    crafted = attacked(MARGIN, Gives(trained, way).eval(), x, labels)
    assert crafted.alarms == alarms
    assert torch.equal(crafted.fooled, attacked(MARGIN, Gives(trained, pair).eval(), x, labels).fooled)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_of_any_type_are_attacked(trained: nn.Module, x: Tensor, y: Tensor, dtype: torch.dtype) -> None:
    crafted = attacked(MARGIN, copy.deepcopy(trained).to(dtype), x, y)
    assert crafted.x_adv.dtype == torch.float32 and crafted.alarms == ()
    assert abs(crafted.robust_accuracy - attacked(MARGIN, trained, x, y).robust_accuracy) <= 0.05


def test_inference_mode_is_no_obstacle(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    expected = attacked(MARGIN, trained, x, y).fooled
    with torch.inference_mode():
        made, images = copy.deepcopy(trained), x.clone()
        assert torch.equal(attacked(MARGIN, made, images, y).fooled, expected)
    assert torch.equal(attacked(MARGIN, made, x, y).fooled, expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
def test_a_compiled_network_is_attacked_like_itself(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    compiled = torch.compile(trained, backend="aot_eager")
    assert torch.equal(attacked(MARGIN, compiled, x, y).fooled, attacked(MARGIN, trained, x, y).fooled)


def test_a_judge_that_writes_into_its_images_changes_nothing(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    def honest(images: Tensor) -> Tensor:
        with torch.no_grad():
            return trained(images).argmax(1)

    def writes(images: Tensor) -> Tensor:
        labels = honest(images)
        images.zero_()
        return labels

    attack = FGSM(eps=0.17)
    found, expected = (attacked(attack, trained, x, y, judge=judge) for judge in (writes, honest))
    assert torch.equal(found.x_adv, expected.x_adv) and torch.equal(found.fooled, expected.fooled)
