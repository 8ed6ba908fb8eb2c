"""Every number in the sentences of the pages of results and of the front page is computed again from the files."""

from pathlib import Path

import pytest

from .said import Said, agree, prose, said, uncovered, wrong
from .sources import RESULTS, value

FRONT = RESULTS.parent / "README.md"
FOLDERS = [*sorted(path.parent for path in RESULTS.glob("*/results.csv")), RESULTS / "shipping"]


def front() -> str:
    """The results and the speed of the front page."""
    text = FRONT.read_text("utf-8")
    parts = [text.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0] for name in ("results", "speed")]
    return "".join(parts)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_number_of_a_page_is_what_its_sources_give(folder: Path) -> None:
    page = (folder / "README.md").read_text("utf-8")
    text, sources = prose(page), said(page)
    assert sources
    assert [one.words for one in sources if one.words not in text] == []
    assert [what for one in sources for what in wrong(one, folder)] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_number_of_a_page_is_without_a_source(folder: Path) -> None:
    page = (folder / "README.md").read_text("utf-8")
    assert uncovered(page, page, folder) == []


def test_every_number_of_the_front_page_is_what_its_sources_give() -> None:
    text, sources = prose(front()), said((RESULTS / "README.md").read_text("utf-8"))
    assert len(sources) > 30
    assert [one.words for one in sources if one.words not in text] == []
    assert [what for one in sources for what in wrong(one, RESULTS)] == []


def test_no_number_of_the_front_page_is_without_a_source() -> None:
    assert uncovered(front(), (RESULTS / "README.md").read_text("utf-8"), RESULTS) == []


def test_a_wrong_number_a_wrong_interval_and_a_missing_source_are_found() -> None:
    """Of the dense network trained by PGD, PGD leaves 29.2 % standing, and AutoAttack 18.1."""
    folder, source = RESULTS / "quickstart-full", "pgd dense, pgd 0.15 - autoattack 0.15"
    found = value(source, folder)
    assert found is not None and found.low is not None and found.high is not None
    right = f"by {found.value:.1f} points [{found.low:.1f}, {found.high:.1f}]"
    assert list(wrong(Said(right, (source,)), folder)) == []
    assert len(list(wrong(Said(f"by {found.value + 0.1:.1f} points", (source,)), folder))) == 1
    assert len(list(wrong(Said(f"by {found.value:.1f} points [{found.low - 0.1:.1f}, 99.0]", (source,)), folder))) == 1
    assert len(list(wrong(Said("29.2 and 18.1 %", (source,)), folder))) == 1
    assert len(list(wrong(Said("steps of 0.123", ("setting",)), folder))) == 1
    assert uncovered(f"It falls {right}, to 18.1.", f"<!-- said\n{right} = {source}\n-->", folder) == [
        "It falls by  points , to 18.1"
    ]


def test_a_number_agrees_to_its_last_digit() -> None:
    assert agree("4.0", 4.04) and agree("4", 4.4) and agree("-4.0", -3.96) and agree("4.0", -3.96)
    assert not agree("4.0", 4.06) and not agree("-4.0", 4.0) and not agree("4.0", -4.0, signed=True)


def test_what_is_made_from_files_and_code_is_no_prose() -> None:
    made = "<!-- results -->\n| 1.5 |\n<!-- /results -->\n| | |\n| --- | --- |\n| took | 6.5 |\n"
    page = f"a\n{made}\nb `2.5` [c](d3.5) | 4.5 |\n\ne"
    assert prose(page) == "a b [c 4.5 e"
