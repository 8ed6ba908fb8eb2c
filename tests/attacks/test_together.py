"""Several runs searched at once find what they find one after the other, and images leave all of them together."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import APGD, FAB, Square, craft
from blackthorn.attacks.problem import Problem
from blackthorn.attacks.search import Search, lent
from blackthorn.attacks.together import together
from blackthorn.attacks.verdict import Itself

from .test_autoattack import Counted

ATTACKS = [
    APGD(eps=0.12, steps=12, restarts=4),
    APGD(eps=0.12, steps=12, restarts=3, loss="dlr", toward="likely"),
    APGD(eps=0.8, steps=12, restarts=3, norm="l2", loss="margin", toward="nearest"),
    FAB(eps=0.12, steps=12, restarts=3),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: f"{one.name} {one.norm}")
def test_each_run_searches_as_it_would_alone(attack: Search, trained: nn.Module, x: Tensor, y: Tensor) -> None:
    x, y = x[:24], y[:24]
    never = Problem.of_all(trained, x, y, attack.ball)
    never = replace(never, stop=lambda logits, x_adv, rows: torch.zeros(len(rows), dtype=torch.bool))
    with lent(trained, attack, x) as forward:
        never = replace(never, forward=forward)
        alone = [attack.search(replace(never, run=run)) for run in (1, 2)]
        found = together(attack, replace(never, run=1), 2)
    same = torch.stack([(found - one).flatten(1).abs().amax(1) < 1e-4 for one in alone])
    assert same.any(0).all()
    with torch.no_grad():
        worths = torch.stack([attack.worth(trained(one), y) for one in (*alone, found)])
    assert torch.allclose(worths[2], worths[:2].amax(0), atol=1e-4)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: f"{one.name} {one.norm}")
def test_as_many_are_fooled_as_one_run_after_the_other(
    attack: Search, trained: nn.Module, x: Tensor, y: Tensor
) -> None:
    problem = replace(Problem.of_all(trained, x, y, attack.ball), stop=Itself(trained, targeted=False).stop(y))
    fooled = torch.zeros(len(x), dtype=torch.bool)
    with lent(trained, attack, x) as forward:
        problem = replace(problem, forward=forward)
        for run in range(3):
            fooled |= trained(attack.search(replace(problem, run=run))).argmax(1) != y
        at_once = trained(together(attack, problem, 3)).argmax(1) != y
    assert fooled.any() and not fooled.all() and torch.equal(at_once, fooled)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: f"{one.name} {one.norm}")
def test_an_image_that_one_run_finishes_leaves_the_others(
    attack: Search, trained: nn.Module, x: Tensor, y: Tensor
) -> None:
    counted = Counted(trained)

    def first_sixteen(logits: Tensor, x_adv: Tensor, rows: Tensor) -> Tensor:
        return torch.arange(len(rows)) < 16  # each image in one of its runs

    with lent(counted, attack, x) as forward:
        counted.asked = 0
        problem = replace(Problem.of_all(forward, x[:16], y[:16], attack.ball), stop=first_sixteen)
        together(attack, problem, 3)
    assert counted.asked <= 5 * 3 * 16  # one step, and what comes before and after


def test_images_that_left_before_take_no_part(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attack, counted = ATTACKS[1], Counted(trained)
    live = torch.arange(16) == 5
    with lent(counted, attack, x) as forward:
        counted.asked = 0
        problem = Problem.of_all(forward, x[:16], y[:16], attack.ball)
        problem = replace(problem, live=live, stop=Itself(trained, targeted=False).stop(y[:16]))
        found = together(attack, problem, 3)
    assert torch.equal(found[~live], x[:16][~live])
    assert counted.asked <= 3 * (attack.steps + 3)


def test_the_squares_of_an_image_do_not_depend_on_how_many_are_shown_together(
    trained: nn.Module, x: Tensor, y: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blackthorn.attacks import square

    found = []
    for at_once in (1, 96):
        monkeypatch.setattr(square, "_AT_ONCE", at_once)
        found.append(craft(Square(eps=0.25, queries=300), trained, x[:12], y[:12]))
    assert torch.equal(found[0].fooled, found[1].fooled) and found[0].fooled.any()
    standing = ~found[0].fooled
    assert torch.allclose(found[0].x_adv[standing], found[1].x_adv[standing], atol=1e-6)
