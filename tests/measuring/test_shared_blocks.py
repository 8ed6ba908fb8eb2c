"""Ranks share the blocks of an attack: every rank finds, to the bit, what one process finds; an error reaches all."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import APGD, PGD, AutoAttack
from blackthorn.errors import ModelError
from blackthorn.measuring import Accuracy, blocks
from blackthorn.speed.ranks import ALONE, Ranks, ranks

from ..ranks import Pair, pair

pytestmark = pytest.mark.slow

ATTACKS = [
    PGD(eps=0.1, steps=3, restarts=2),
    APGD(eps=0.1, steps=5),
    AutoAttack(eps=0.05, tier="screen"),
]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("ranks")) as started:
        yield started


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.ReLU(), nn.Linear(12, 3))


def images(n: int = 35) -> tuple[Tensor, Tensor]:
    x = torch.rand(n, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    return x, network()(x).argmax(1)


def measured(attack: Any, who: Ranks, n: int = 35) -> Any:
    """With batches of 5 images, in blocks of two batches: the last block is smaller than the others."""
    before, blocks._AT_ONCE = blocks._AT_ONCE, 10 * 36 * 4
    try:
        return Accuracy(attack=attack, batch_size=5)(network(), *images(n), ranks=who)
    finally:
        blocks._AT_ONCE = before


def together(attack: Any, n: int = 35) -> Any:
    return measured(attack, ranks(), n)


def with_one_bad_image() -> Any:
    """The second block, which the second rank has, holds an image on which the network answers no numbers."""
    model = network()
    model[0].register_forward_hook(lambda module, given, out: torch.where(out == 0.123, torch.nan, out))
    x, y = images()
    x[15, 0, 0, 0] = 0.123
    before, blocks._AT_ONCE = blocks._AT_ONCE, 10 * 36 * 4
    try:
        return Accuracy(attack=ATTACKS[0], batch_size=5)(model, x, y, ranks=ranks())
    except ModelError as problem:
        return problem
    finally:
        blocks._AT_ONCE = before


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.kind)
@pytest.mark.parametrize("n", [35, 8], ids=["four blocks", "one block"])
def test_every_rank_finds_what_one_process_finds(two: Pair, attack: Any, n: int) -> None:
    alone = measured(attack, ALONE, n)
    assert 0 < alone.value < 1
    for found in two(together, attack, n):
        assert torch.equal(found.flags, alone.flags)
        assert torch.equal(found.x_adv, alone.x_adv)
        names = ("value", "n", "low", "high", "mean_linf", "mean_l2", "warnings", "alarms", "contributions", "tier")
        assert [getattr(found, name) for name in names] == [getattr(alone, name) for name in names]


def test_an_error_of_one_rank_reaches_all(two: Pair) -> None:
    problems = two(with_one_bad_image)
    assert all(isinstance(problem, ModelError) for problem in problems)
    assert str(problems[0]) == str(problems[1])
