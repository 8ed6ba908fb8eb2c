"""Selection from hand-made sweeps, and from half-finished ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blackthorn.claims import HighCompression, HighRobustness, NoLoss, Selected, Selection, choose, select
from blackthorn.errors import BlackthornError, RecipeError
from blackthorn.recipes import Recipe
from blackthorn.results import AccuracyRecord, Cell
from blackthorn.values import parse, spell

from ..recipes.tiny import read, tiny
from .grids import accuracy, grid

RATES = (0.0, 0.5, 0.7, 0.9)


@pytest.mark.parametrize(
    ("natural", "picked"),
    [
        ((0.99, 0.99, 0.989, 0.95), 0.7),
        ((0.99, 0.99, 0.99, 0.99), 0.9),  # all pass
        ((0.99, 0.98, 0.97, 0.96), None),  # none passes
        ((0.99, 0.98, 0.989, 0.96), 0.7),  # 50 % fails, 70 % passes: the largest that passes
        ((0.99, 0.987, 0.98, 0.98), 0.5),  # a loss of exactly 0.3 points passes
        ((0.99, 0.9869, 0.98, 0.98), None),  # and one of 0.31 does not
        ((0.99, 0.999, 0.98, 0.98), 0.5),  # better than unpruned passes
    ],
)
def test_the_largest_rate_within_tolerance_is_picked(natural: Sequence[float], picked: float | None) -> None:
    chosen = select(HighCompression(), RATES, natural)
    assert (chosen.rate, chosen.settled) == (picked, True)


def test_every_exact_tie_passes_whatever_floats_make_of_it() -> None:
    """Losing exactly 30 of 10,000 images, from any number right."""
    for right in range(5000, 10_001, 7):
        assert select(HighCompression(nat_tol=0.3), (0, 0.5), (right / 10_000, (right - 30) / 10_000)).rate == 0.5
        assert select(HighCompression(nat_tol=0.3), (0, 0.5), (right / 10_000, (right - 31) / 10_000)).rate is None


def test_robustness_needs_both_accuracies_within_their_tolerances() -> None:
    natural, adversarial = (0.99, 0.99, 0.99, 0.98), (0.92, 0.95, 0.89, 0.92)
    assert select(HighRobustness(), RATES, natural, adversarial).rate == 0.5
    assert select(HighRobustness(adv_tol=3), RATES, natural, adversarial).rate == 0.7
    assert select(HighRobustness(adv_tol=3, nat_tol=1), RATES, natural, adversarial).rate == 0.9


def test_rules_differ_by_their_tolerance() -> None:
    natural = (0.99, 0.9885, 0.9875, 0.95)
    assert [select(rule, RATES, natural).rate for rule in (NoLoss(), HighCompression())] == [0.5, 0.7]


def test_the_order_of_the_rates_does_not_matter() -> None:
    natural = dict(zip(RATES, (0.99, 0.98, 0.989, 0.95)))
    turned = sorted(natural, reverse=True)
    chosen = select(NoLoss(), turned, [natural[rate] for rate in turned])
    assert chosen.rate == 0.7 and chosen.passes == (False, True, False, True)


@pytest.mark.parametrize(
    ("natural", "rate", "settled"),
    [
        ((0.99, 0.99, None, None), 0.5, False),  # a larger one may pass yet
        ((0.99, None, 0.99, 0.95), 0.7, True),  # what is missing is smaller
        ((0.99, None, 0.95, 0.95), None, False),
        ((None, 0.99, 0.99, 0.99), None, False),  # nothing to compare with
    ],
)
def test_a_half_finished_sweep_is_settled_when_nothing_larger_is_missing(
    natural: Sequence[float | None], rate: float | None, settled: bool
) -> None:
    chosen = select(NoLoss(), RATES, natural)
    assert (chosen.rate, chosen.settled) == (rate, settled)


def test_a_rate_that_fails_one_measure_needs_no_other() -> None:
    assert select(HighRobustness(), (0, 0.5), (0.99, 0.9), (0.9, None)).settled


@pytest.mark.parametrize(
    ("rates", "natural", "said"),
    [
        ((0.5, 0.7), (0.9, 0.9), "with 0, the unpruned network"),
        ((0, 0.5, 0.5), (0.9, 0.9, 0.9), "different fractions"),
        ((0, 50), (0.9, 0.9), "different fractions"),
        ((0, 0.5), (0.9,), "2 rates want as many accuracies"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(rates: Any, natural: Any, said: str) -> None:
    with pytest.raises(BlackthornError, match=said):
        select(NoLoss(), rates, natural)


def test_a_robust_rule_wants_adversarial_accuracies() -> None:
    with pytest.raises(BlackthornError, match="adversarial accuracy too"):
        select(HighRobustness(), (0, 0.5), (0.9, 0.9))


# ---- from the cells of a recipe ----

ROWS = {"dense": 0.0, "weight 50%": 0.5, "weight 70%": 0.7, "weight 90%": 0.9}
COMPRESSION = Selection(rule=HighCompression(), rows="weight *", than="dense", published=0.7)
ROBUSTNESS = Selection(rule=HighRobustness(), rows="weight *", than="dense", adversarial="pgd")


def cells(metric: str, *right: int | None, seed: int = 0) -> list[Cell[AccuracyRecord]]:
    """So many of 1,000 images right for each row; None = not measured."""
    return [
        accuracy(row, np.arange(1000) < count, metric, seed=seed)
        for row, count in zip(ROWS, right)
        if count is not None
    ]


def chosen(selection: Selection, held: Sequence[Cell[AccuracyRecord]], seeds: Sequence[int] = (0,)) -> Selected:
    return choose({"small": selection}, grid(held, seeds, ROWS))[0]


def test_what_is_picked_comes_with_the_whole_sweep() -> None:
    found = chosen(COMPRESSION, cells("natural", 990, 990, 988, 950))
    assert found.picked is not None and found.picked.row == "weight 70%"
    assert found.picked.changes == pytest.approx({"natural": -0.2})
    assert [(tried.row, tried.passes) for tried in found.sweep] == [
        ("weight 50%", True),
        ("weight 70%", True),
        ("weight 90%", False),
    ]
    assert (found.published, found.note) == (0.7, "")
    assert found.rule == "largest rate of weight * with natural within 0.3 points of dense"


def test_a_pick_above_a_failure_is_marked() -> None:
    assert chosen(COMPRESSION, cells("natural", 990, 950, 988, 950)).note == "50 % failed, though smaller"


def test_a_pick_at_the_end_of_the_sweep_is_marked() -> None:
    assert chosen(COMPRESSION, cells("natural", 990, 990, 990, 990)).note == "the sweep ends here: more may pass"


def test_nothing_passing_is_an_outcome() -> None:
    found = chosen(COMPRESSION, cells("natural", 990, 900, 900, 900))
    assert (found.picked, found.settled, found.note) == (None, True, "")


def test_a_half_finished_sweep_says_what_is_missing() -> None:
    held = [*cells("natural", 990, 990, 990, None), *cells("pgd", 900, 900, None, None)]
    found = chosen(ROBUSTNESS, held)
    assert (found.picked, found.settled) == (None, False)
    assert found.note == ("not measured yet: weight 70%, pgd; weight 90%, natural; weight 90%, pgd; 50 % passes so far")


def test_a_row_counts_when_all_its_seeds_are_there_and_their_mean_decides() -> None:
    one, other = cells("natural", 990, 990, 985, 950), cells("natural", 990, 990, 990, 950, seed=1)
    assert chosen(COMPRESSION, one, (0, 1)).settled is False
    found = chosen(COMPRESSION, [*one, *other], (0, 1))
    assert found.picked is not None and found.picked.changes == pytest.approx({"natural": -0.25})


def test_nothing_measured_at_all_is_no_error() -> None:
    assert chosen(ROBUSTNESS, []).note == "not measured yet: dense, natural; dense, pgd; weight 50%, natural and 5 more"


# ---- as a recipe says it ----

SELECT = {"rule": {"kind": "high_compression"}, "from": "weight *", "than": "dense"}


def test_the_rate_of_a_row_is_that_of_the_last_prune_step_on_its_way(tmp_path: Path) -> None:
    recipe = tiny("select", to={"small": {**SELECT, "from": "*", "published": "50%"}})
    again = {"kind": "prune", "criterion": {"kind": "magnitude"}, "sparsity": 0.75}
    recipe["networks"]["twice"] = {"of": "weight 50%", "steps": [again, {"kind": "train", "epochs": 1}]}
    recipe["networks"]["tuned"] = {"of": "twice", "steps": [{"kind": "train", "epochs": 1}], "show": False}
    made = read(tmp_path, recipe)
    assert made.rates == {"dense": 0.0, "weight 50%": 0.5, "twice": 0.75}
    assert (made.select["small"].rows, made.select["small"].published) == ("*", 0.5)


def test_a_selection_reaches_other_processes_as_it_was_read(tmp_path: Path) -> None:
    made = read(tmp_path, tiny("select", to={"small": {**SELECT, "published": "50%"}}))
    assert parse(Recipe, spell(made)) == made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"from": "wieght *"}, r"select\.small: no row fits 'wieght \*'"),
        ({"from": "[w]eight*"}, "no row fits"),  # only a star is special
        ({"than": "dens"}, "names the row 'dens'; did you mean 'dense'"),
        ({"natural": "natral"}, "names the accuracy 'natral'; did you mean 'natural'"),
        ({"from": "dense", "than": "weight 50%"}, "fits 'dense', which is not pruned"),
        ({"adversarial": "pgd"}, "high_compression looks at natural accuracy only"),
        ({"rule": {"kind": "high_robustness"}}, "high_robustness needs 'adversarial'"),
        ({"rule": {"kind": "high_compresion"}}, "there is no kind 'high_compresion'; did you mean 'high_compression'"),
        ({"rule": {"kind": "no_loss", "nat_tl": 1}}, "no option 'nat_tl'; did you mean 'nat_tol'"),
        ({"rule": {"kind": "no_loss", "nat_tol": "x"}}, "a number is wanted"),
        ({"rule": "no_loss"}, r"such as \{kind: no_loss, ...\}"),
        ({"form": "weight *"}, "no option 'form'; did you mean 'from'"),
        ({"published": 96}, "write 96%"),
    ],
)
def test_a_selection_is_checked_when_the_recipe_is_read(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said) as caught:
        read(tmp_path, tiny("select", to={"small": {**SELECT, **change}}))
    assert "\n" not in str(caught.value)


def test_a_selection_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"select\.small\.from: is missing"):
        read(tmp_path, tiny("select", to={"small": {"rule": {"kind": "no_loss"}, "than": "dense"}}))


def test_two_rows_at_the_same_rate_cannot_be_told_apart(tmp_path: Path) -> None:
    recipe = tiny("select", to={"small": SELECT})
    recipe["networks"]["weight 50% again"] = recipe["networks"]["weight 50%"]
    with pytest.raises(RecipeError, match="fits both 'weight 50%' and 'weight 50% again', pruned by 50 %"):
        read(tmp_path, recipe)
