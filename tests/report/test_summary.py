"""What the head of the page says."""

from pathlib import Path
from typing import Any

import pytest

from blackthorn.report import Page
from blackthorn.report.families import featured, networks
from blackthorn.report.views.summary import summaries
from blackthorn.results import Cell, Record, Row

from .demo import accuracy_cell, bare, cost_cells, sweep, table1, trade_off, with_cells


def test_measured_zeros_come_before_the_rate_that_was_requested(tmp_path: Path) -> None:
    cells = [
        accuracy_cell(tmp_path, "dense", "natural", 0.9, sparsity_weights=0.0),
        accuracy_cell(tmp_path, "filter 75%", "natural", 0.9, sparsity_weights=0.751),
        accuracy_cell(tmp_path, "weight 98%", "natural", 0.9),
    ]
    removed = {row.name: (row.removed, row.measured) for row in networks(with_cells(bare(tmp_path), cells))}
    assert removed == {"dense": (0.0, True), "filter 75%": (0.751, True), "weight 98%": (0.98, False)}


def test_a_pruned_row_whose_unpruned_network_is_not_shown_is_compared_with_none(tmp_path: Path) -> None:
    cells = [accuracy_cell(tmp_path, row, "natural", 0.9) for row in ("other", "weight 98%")]
    rows = [Row("other"), Row("weight 98%", base=None, requested=0.98, family="weight")]
    assert all(summary.base is None for summary in summaries(with_cells(bare(tmp_path), cells, rows=rows)))


def test_a_long_sweep_is_cut_to_its_ends_and_middles(tmp_path: Path) -> None:
    names = [row.name for row in featured(networks(sweep(tmp_path)), 7)]
    assert len(names) == 7
    assert {"dense", "pgd dense", "weight 5%", "weight 99%", "pgd weight 99%"} <= set(names)


def test_cards_say_what_pruning_did_to_accuracy_robustness_size_and_speed(tmp_path: Path) -> None:
    filters, _ = summaries(table1(tmp_path, seeds=(0,)))
    assert [card.label for card in filters.cards] == ["Accuracy", "Robustness", "Size", "Speed"]
    assert (filters.row, filters.base) == ("filter 75%", "dense")
    size = filters.cards[2]
    assert (size.big, size.unit, size.tone) == ("3.9×", "smaller", "better")  # 1,256,320 / 318,912
    assert "1.26 MB → 319 kB" in size.sentence


def test_the_robustness_card_tells_the_attack_where_pruning_did_worst(tmp_path: Path) -> None:
    rates = {"dense": (0.7, 0.3), "weight 98%": (0.4, 0.25)}
    cells = [
        accuracy_cell(tmp_path, row, f"fgsm {eps}", rate, attack={"kind": "fgsm", "eps": eps})
        for row, pair in rates.items()
        for eps, rate in zip((0.1, 0.2), pair)
    ]
    (weights,) = summaries(with_cells(bare(tmp_path), cells))
    (robustness,) = weights.cards
    assert (robustness.big, robustness.tone) == ("−30.0", "worse")
    assert robustness.sentence.startswith("70.0 → 40.0 % under fgsm 0.1, the least favourable of 2 attacks")


def test_zeros_kept_in_place_are_not_called_smaller_or_faster(tmp_path: Path) -> None:
    _, weights = summaries(table1(tmp_path, seeds=(0,)))
    assert [(card.big, card.unit) for card in weights.cards[2:]] == [("same", "size"), ("same", "speed")]
    assert weights.lede.endswith("The network stays as large and runs no faster.")


def test_a_single_network_is_described_by_itself(tmp_path: Path) -> None:
    (only,) = summaries(bare(tmp_path))
    assert (only.base, [card.big for card in only.cards]) == (None, ["90.0"])


def test_nothing_measured_gives_no_cards(tmp_path: Path) -> None:
    assert summaries(with_cells(bare(tmp_path), [])) == []


@pytest.mark.parametrize(
    ("n", "told"),
    [
        (
            100,
            "Pruning “dense” by 98 % had an effect on accuracy that cannot be told from these images (−6.4 to +6.4 "
            "points) and an effect under fgsm that cannot be told either (−6.4 to +6.4 points).",
        ),
        (
            100_000,
            "Pruning “dense” by 98 % left accuracy where it was, as far as these images tell, and made no attack more "
            "successful, as far as these images tell.",
        ),
    ],
)
def test_that_nothing_moved_is_said_only_where_the_images_could_tell(tmp_path: Path, n: int, told: str) -> None:
    attacks: dict[str, dict[str, Any] | None] = {"natural": None, "fgsm": {"kind": "fgsm", "eps": 0.1}}
    cells = [
        accuracy_cell(tmp_path, row, metric, 0.5, n=n, attack=attack)
        for row in ("dense", "weight 98%")
        for metric, attack in attacks.items()
    ]
    (weights,) = summaries(with_cells(bare(tmp_path), cells))
    assert weights.lede == told
    assert [card.tone for card in weights.cards] == ["same", "same"]
    assert all("These images cannot tell it from no change." in card.sentence for card in weights.cards)


def test_the_page_opens_on_what_the_recipe_selects(tmp_path: Path) -> None:
    page = trade_off(tmp_path)
    first, second, *others = summaries(page)
    picked = [one for one in page.selections if one.picked is not None]
    assert [first.row, second.row] == [one.picked.row for one in picked][:2] and picked[0].name in first.selected
    assert [one.base for one in (first, second)] == [one.than for one in picked][:2]
    assert all(not other.selected for other in others if other.row not in {one.picked.row for one in picked})


def test_without_a_selection_it_opens_on_the_best_and_keeps_the_most_pruned(tmp_path: Path) -> None:
    """The best lost nothing that can be told, and then gained most; here neither the first nor the most pruned."""
    attack = {"kind": "pgd", "eps": 0.1}
    rates = {
        "dense": (0.95, 0.3),
        "weight 50%": (0.95, 0.3),
        "weight 90%": (0.8, 0.1),
        "pgd dense": (0.93, 0.6),
        "pgd weight 50%": (0.93, 0.6),
        "pgd weight 90%": (0.7, 0.2),
    }
    cells: list[Cell[Record]] = []
    for row, (natural, robust) in rates.items():
        cells.append(accuracy_cell(tmp_path, row, "natural", natural))
        cells.append(accuracy_cell(tmp_path, row, "pgd", robust, attack=attack))
    found = summaries(with_cells(bare(tmp_path), cells))
    assert [one.row for one in found] == ["pgd weight 50%", "weight 90%", "pgd weight 90%"]
    cells += cost_cells(tmp_path, "weight 50%", "dense", (10, 10, 10, 1000, 1, 1))
    cells += cost_cells(tmp_path, "weight 50%", "shrunk", (5, 5, 5, 500, 0.5, 0.5))
    assert summaries(with_cells(bare(tmp_path), cells))[0].row == "weight 50%"


def test_a_number_under_alarm_is_named_and_not_compared(tmp_path: Path) -> None:
    def page(*rung: tuple[str, str]) -> Page:
        cells = [
            accuracy_cell(
                tmp_path,
                row,
                metric,
                rate,
                attack={"kind": metric, "eps": 0.1},
                alarms=("zero gradients",) if (row, metric) in rung else (),
            )
            for row, rates in {"dense": (0.5, 0.4), "weight 98%": (0.3, 0.4)}.items()
            for metric, rate in zip(("fgsm", "pgd"), rates)
        ]
        return with_cells(bare(tmp_path), cells)

    (one,) = summaries(page(("weight 98%", "fgsm")))[0].cards
    assert one.tone == "same" and "under pgd" in one.sentence
    assert one.sentence.endswith("Not compared, since an alarm rang: fgsm.")
    assert "made no attack without an alarm more successful" in summaries(page(("weight 98%", "fgsm")))[0].lede
    (both,) = summaries(page(("weight 98%", "fgsm"), ("dense", "pgd")))[0].cards
    assert (both.big, both.sentence) == ("not known", "Not compared, since an alarm rang: fgsm and pgd.")


def test_a_single_network_under_alarm_has_an_upper_bound(tmp_path: Path) -> None:
    cell = accuracy_cell(tmp_path, "dense", "pgd", 0.5, attack={"kind": "pgd", "eps": 0.1}, alarms=("random",))
    (only,) = summaries(with_cells(bare(tmp_path), [cell]))
    assert only.cards[0].big == "≤ 50.0" and "(random): not to be compared" in only.cards[0].sentence
