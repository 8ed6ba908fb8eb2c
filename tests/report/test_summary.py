"""What the head of the page says."""

from pathlib import Path

import pytest

from blackthorn.report.families import featured, networks
from blackthorn.report.views.summary import summaries
from blackthorn.results import Row

from .demo import accuracy_cell, bare, sweep, table1, with_cells


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
    _, filters = summaries(table1(tmp_path, seeds=(0,)))
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
    weights, _ = summaries(table1(tmp_path, seeds=(0,)))
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
        (100, "had an effect on accuracy that cannot be told from these images ("),
        (100_000, "left accuracy where it was, as far as these images tell,"),
    ],
)
def test_accuracy_stayed_where_it_was_only_where_the_images_could_tell(tmp_path: Path, n: int, told: str) -> None:
    cells = [accuracy_cell(tmp_path, row, "natural", 0.5, n=n) for row in ("dense", "weight 98%")]
    (weights,) = summaries(with_cells(bare(tmp_path), cells))
    assert told in weights.lede
    assert weights.cards[0].tone == "same"
