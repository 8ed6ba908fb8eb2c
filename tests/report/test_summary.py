"""What the head of the page says."""

from dataclasses import replace
from pathlib import Path

from blackthorn.report.families import family_tree, featured
from blackthorn.report.summary import summaries

from .demo import accuracy_cell, bare, sweep, table1


def test_pruned_rows_find_the_unpruned_network_that_shares_their_words(tmp_path: Path) -> None:
    page = replace(bare(tmp_path), rows=["pgd dense", "dense", "weight 98%", "pgd weight 94%"], cells=[])
    assert {row.name: row.base for row in family_tree(page)} == {
        "pgd dense": None,
        "dense": None,
        "weight 98%": "dense",
        "pgd weight 94%": "pgd dense",
    }


def test_measured_zeros_come_before_the_rate_in_the_name(tmp_path: Path) -> None:
    removed = {row.name: (row.removed, row.measured) for row in family_tree(table1(tmp_path, seeds=(0,)))}
    assert removed["filter 75%"] == (0.751, True)


def test_a_long_sweep_is_cut_to_its_ends_and_middles(tmp_path: Path) -> None:
    names = [row.name for row in featured(family_tree(sweep(tmp_path)), 7)]
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
    (weights,) = summaries(replace(bare(tmp_path), rows=list(rates), cells=cells))
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
    assert summaries(replace(bare(tmp_path), cells=[])) == []
