"""How the page says on what adversarial images were crafted."""

from pathlib import Path

import pytest

from blackthorn.report import Page, write
from blackthorn.report.attacks import attack_words, fooled_words, kind_words, source_notes
from blackthorn.report.views.eps import against_eps
from blackthorn.results import AccuracyRecord, Cell

from .demo import accuracy_cell, bare, with_cells

FGSM: dict[str, object] = {"kind": "fgsm", "eps": 0.3}
BLACK = {"source": "substitute", "first": 150, "queries": 4650}


def page(folder: Path) -> Page:
    cells = [
        accuracy_cell(folder, "dense", "fgsm 0.3", 0.1, attack=FGSM),
        accuracy_cell(folder, "dense", "black box", 0.6, n=9850, attack=FGSM, agreement=0.812, **BLACK),
        accuracy_cell(folder, "weight", "black box", 0.6, n=9850, attack=FGSM, agreement=0.79, **BLACK),
        accuracy_cell(folder, "dense", "transfer", 0.5, attack=FGSM, agreement=1.0, source="network", first=0),
    ]
    return with_cells(bare(folder), cells)


def test_each_source_is_told_once_with_what_was_left_out(tmp_path: Path) -> None:
    notes = [
        "black box: crafted on a substitute, trained on 4,650 answers, giving 79.0 to 81.2 % of untouched images the "
        "measured network's label, the first 150 test images are left out",
        "transfer: crafted on another network, giving 100.0 % of untouched images the measured network's label",
    ]
    assert source_notes(page(tmp_path)) == notes
    html = write(tmp_path / "page", page(tmp_path)).read_text("utf-8")
    assert all(note.replace("'", "&#39;") in html for note in notes)


def test_measures_of_which_the_same_is_said_share_a_line(tmp_path: Path) -> None:
    transfers = [f"noise {number}" for number in range(6)]
    made = page(tmp_path)
    more = {"attack": FGSM, "agreement": 1.0, "source": "network", "first": 0}
    cells = [accuracy_cell(tmp_path, "dense", metric, 0.5, **more) for metric in transfers]
    told = source_notes(with_cells(made, [*made.grid.cells, *cells]))
    assert len(told) == 2
    assert told[1].startswith(
        "transfer, noise 0, noise 1, noise 2 and 3 more: crafted on another network, giving 100.0 %"
    )


def test_a_white_box_page_has_nothing_to_tell(tmp_path: Path) -> None:
    assert source_notes(bare(tmp_path)) == []


def test_attacks_on_other_networks_have_panels_of_their_own(tmp_path: Path) -> None:
    words = [attack_words(page(tmp_path), metric) for metric in ("fgsm 0.3", "black box", "transfer")]
    assert len(set(words)) == 3 and words[1].startswith(words[0])


def test_noises_share_a_panel_where_they_differ_in_their_limit_alone(tmp_path: Path) -> None:
    def noise(target: int, limit: float) -> dict[str, object]:
        return {"kind": "universal_noise", "target": target, "limit": limit, "eps": limit}

    cells = [
        accuracy_cell(
            tmp_path, "dense", f"noise {target} {limit}", 0.5, attack=noise(target, limit), targeted_success=0.5
        )
        for target, limit in ((5, 0.1), (5, 0.35), (3, 0.25))
    ] + [
        accuracy_cell(tmp_path, "dense", "again 3 0.25", 0.5, attack=noise(3, 0.25), targeted_success=0.5),
    ]
    natural = accuracy_cell(tmp_path, "dense", "natural", 0.9)
    chart = against_eps(with_cells(bare(tmp_path), [natural, *cells]))
    assert chart is not None
    assert [panel.title for panel in chart.panels] == ["universal noise, target 5"]
    assert [point["x"] for point in chart.panels[0].points] == [0.0, 0.1, 0.35]


def test_measures_of_the_same_radius_are_of_different_lines(tmp_path: Path) -> None:
    def noise(made_on: str, limit: float, value: float) -> Cell[AccuracyRecord]:
        attack: dict[str, object] = {"kind": "universal_noise", "target": 5, "limit": limit, "eps": limit}
        return accuracy_cell(
            tmp_path, "dense", f"{made_on} {limit}", value, attack=attack, source="network", targeted_success=0.5
        )

    cells = [noise("own", 0.1, 0.9), noise("own", 0.3, 0.2), noise("twin", 0.1, 0.95), noise("twin", 0.3, 0.5)]
    chart = against_eps(with_cells(bare(tmp_path), [accuracy_cell(tmp_path, "dense", "natural", 1.0), *cells]))
    assert chart is not None
    assert [panel.title.partition(": ")[2] for panel in chart.panels] == ["own 0.1, own 0.3", "twin 0.1, twin 0.3"]
    assert [[point["value"] for point in panel.points] for panel in chart.panels] == [[100, 90, 20], [100, 95, 50]]


def test_a_panel_leaves_out_networks_that_its_attack_was_not_aimed_at(tmp_path: Path) -> None:
    def attacked(row: str, kind: str) -> Cell[AccuracyRecord]:
        return accuracy_cell(tmp_path, row, kind, 0.5, attack={"kind": kind, "eps": 0.1})

    natural = [accuracy_cell(tmp_path, row, "natural", 0.9) for row in ("dense", "weight 50%", "weight 80%")]
    noise = {"kind": "universal_noise", "target": 3, "limit": 0.1, "eps": 0.1}  # of which nothing is drawn
    aimed = accuracy_cell(tmp_path, "weight 80%", "noise", 0.5, attack=noise, targeted_success=0.5)
    cells = [*natural, aimed, attacked("dense", "fgsm"), attacked("weight 50%", "fgsm"), attacked("dense", "pgd")]
    chart = against_eps(with_cells(bare(tmp_path), cells))
    assert chart is not None
    drawn = {panel.title: {point["series"] for point in panel.points} for panel in chart.panels}
    assert drawn == {"FGSM": {"dense", "weight 50%"}, "PGD": {"dense"}}
    assert chart.series == ["dense", "weight 50%"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("pgd", "PGD"), ("apgd", "APGD"), ("autoattack", "autoattack"), ("scaled_gradient", "scaled gradient")],
)
def test_only_acronyms_are_shouted(kind: str, words: str) -> None:
    assert kind_words(kind) == words


def test_a_number_by_several_attacks_says_which_tier_made_it_and_who_fooled_how_many() -> None:
    record = AccuracyRecord(
        value=0.5, n=10, low=0.2, high=0.8, tier="full", contributions={"APGD-CE": 1200, "Square": 1}
    )
    assert fooled_words(record) == "full: APGD-CE 1,200, Square 1"
