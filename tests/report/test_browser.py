"""The page in a real browser: a silent console, nothing from the network, charts drawn, tooltips shown."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from blackthorn.report import Page, write

from .demo import bare, curves, odd, pictures, sweep, table1, trade_off

pytestmark = pytest.mark.slow

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = os.environ.get("BLACKTHORN_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium: put one of {', '.join(_NAMES)} on the PATH or set BLACKTHORN_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[Path], Page]], Path]:
    @cache
    def once(make: Callable[[Path], Page]) -> Path:
        folder = tmp_path_factory.mktemp(make.__name__)
        return write(folder, make(folder / "cells"))

    return once


class Visit:
    """A page opened offline, with everything it complained about and asked for."""

    def __init__(self, browser: Any, file: Path, width: int = 1280, scheme: str = "light", height: int = 900) -> None:
        self.noise: list[str] = []
        self.requests: list[str] = []
        viewport = {"width": width, "height": height}
        self.context = browser.new_context(offline=True, viewport=viewport, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.noise.append(message.text))
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        charts = self.page.locator("[data-panel]").count()
        self.page.wait_for_function(f"document.querySelectorAll('[data-drawn]').length === {charts}")

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


PAGES = [table1, sweep, trade_off, curves, pictures, odd, bare]


@pytest.mark.parametrize("make", PAGES, ids=lambda make: make.__name__)
def test_the_page_is_silent_and_asks_for_nothing(browser: Any, written: Any, make: Any) -> None:
    with Visit(browser, written(make)) as visit:
        assert visit.noise == []
        assert all(address.startswith(("file:", "data:")) for address in visit.requests)
        assert sum(address.startswith("file:") for address in visit.requests) == 1


def test_charts_are_drawn_and_a_tooltip_follows_the_pointer(browser: Any, written: Any) -> None:
    with Visit(browser, written(table1)) as visit:
        page = visit.page
        assert page.locator("[data-panel] svg").count() == 16  # 2 attacks, 3 bars, 5 metrics, 6 costs
        assert page.locator("#tip").is_hidden()
        page.locator("#accuracy-eps [data-panel] svg .mark-symbol path").nth(1).hover(force=True)
        page.wait_for_selector("#tip:not([hidden])")
        told = page.locator("#tip").inner_text()
        assert "fgsm 0.1" in told and "95 % interval" in told and "paper 70.3" in told
        page.locator("#costs [data-panel] svg .mark-rect path").nth(3).hover(force=True)
        page.wait_for_function("document.getElementById('tip').textContent.includes('shrunk')")


def test_the_legend_picks_one_network_by_keyboard(browser: Any, written: Any) -> None:
    with Visit(browser, written(table1)) as visit:
        button = visit.page.locator("#accuracy-eps .legend button").nth(1)
        button.focus()
        visit.page.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        lines = visit.page.locator("#accuracy-eps [data-panel]").first.locator("svg .mark-line path")
        visit.page.wait_for_function(
            "document.querySelector('#accuracy-eps .mark-line path').getAttribute('opacity') === '0.12'"
        )
        assert sorted(lines.nth(i).get_attribute("opacity") or "1" for i in range(3)) == ["0.12", "0.12", "1"]


def test_a_tab_shows_the_cards_of_another_network(browser: Any, written: Any) -> None:
    with Visit(browser, written(table1)) as visit:
        visit.page.locator("label.tab", has_text="filter 75%").click()
        shown = visit.page.locator("#summary .panel:visible")
        assert shown.count() == 1
        assert "smaller" in shown.inner_text()


@pytest.mark.parametrize("make", PAGES[:-1], ids=lambda make: make.__name__)
def test_a_narrow_screen_scrolls_tables_and_not_the_page(browser: Any, written: Any, make: Any) -> None:
    with Visit(browser, written(make), width=400, scheme="dark") as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 400


PHONE = {"width": 390, "height": 664}  # what a common phone leaves between the bars of its browser


@pytest.mark.parametrize("make", [table1, trade_off], ids=lambda make: make.__name__)
def test_a_phone_shows_a_card_on_its_first_screen(browser: Any, written: Any, make: Any) -> None:
    with Visit(browser, written(make), **PHONE) as visit:
        if make is trade_off:
            visit.page.evaluate("document.getElementById('unfinished')?.remove()")
        card = visit.page.locator("#summary .card .big:visible").first.bounding_box()
        assert card["y"] + card["height"] < PHONE["height"]


def test_on_a_phone_column_names_stay_while_a_table_is_scrolled(browser: Any, written: Any) -> None:
    with Visit(browser, written(sweep), **PHONE) as visit:
        table = visit.page.locator("#results .scroll")
        table.evaluate("box => (box.scrollTop = box.scrollHeight)")
        assert table.evaluate("box => box.scrollTop") > 0
        box, name = table.bounding_box(), table.locator("thead th").nth(1).bounding_box()
        assert abs(name["y"] - box["y"]) <= 2
        assert table.locator("tbody th small").first.evaluate("badge => badge.getClientRects().length") == 1


def test_a_page_on_a_phone_is_no_longer_than_its_parts(browser: Any, written: Any) -> None:
    """Example images are folded, and tables scroll: 3 networks, 5 measures, 16 charts of about 300 pixels."""
    with Visit(browser, written(table1), **PHONE) as visit:
        assert visit.page.evaluate("document.documentElement.scrollHeight") < 9500
        assert visit.page.locator(".gallery").count() == 2
        assert visit.page.locator(".gallery[open]").count() == 0
    with Visit(browser, written(table1)) as visit:
        assert visit.page.locator(".gallery[open]").count() == 1


def test_paper_gets_few_images_and_everything_else(browser: Any, written: Any) -> None:
    with Visit(browser, written(table1)) as visit:
        page = visit.page
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("#images img:visible").count() == 2 * 3 * 3  # 2 networks, 3 images, each a triple
        assert page.locator("#provenance details pre").is_visible()
        assert page.locator("#summary .card:visible").count() == 8
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) <= 9


def test_a_heading_sorts_the_results_and_says_so(browser: Any, written: Any) -> None:
    with Visit(browser, written(table1)) as visit:
        table = visit.page.locator("#results table")
        heading = table.locator("th[aria-sort]").nth(1)

        def column() -> list[float]:
            return [float(text) for text in table.locator("tbody td:nth-of-type(2) b").all_inner_texts()]

        start = column()
        for order, wanted in (
            ("descending", sorted(start, reverse=True)),
            ("ascending", sorted(start)),
            ("none", start),
        ):
            heading.locator("button").focus()
            visit.page.keyboard.press("Enter")
            assert heading.get_attribute("aria-sort") == order
            assert column() == wanted
        assert start != sorted(start) and start != sorted(start, reverse=True)
        heading.locator("button").click()
        table.locator("th[aria-sort] button").first.click()
        assert [heading.get_attribute("aria-sort"), table.locator("[aria-sort=descending]").count()] == ["none", 1]


def test_a_table_that_is_cut_off_says_so_and_opens(browser: Any, written: Any) -> None:
    with Visit(browser, written(sweep)) as visit:
        table, cue = visit.page.locator("#results .scroll"), visit.page.locator("#results .cutoff")
        assert cue.inner_text() == "The table scrolls. Show all 42 rows"
        assert table.evaluate("box => box.scrollHeight > box.clientHeight + 1")
        cue.locator("button").click()
        assert not table.evaluate("box => box.scrollHeight > box.clientHeight + 1")
        assert cue.locator("button").inner_text() == "Show fewer"
    with Visit(browser, written(table1)) as visit:
        assert visit.page.locator(".cutoff:visible").count() == 0


@pytest.mark.parametrize("make", PAGES, ids=lambda make: make.__name__)
def test_what_is_read_aloud_is_rounded_and_has_one_kind_of_minus(browser: Any, written: Any, make: Any) -> None:
    with Visit(browser, written(make)) as visit:
        said = visit.page.evaluate("[...document.querySelectorAll('[aria-label]')].map(e => e.ariaLabel)")
        seen = visit.page.evaluate(
            "[...document.querySelectorAll('main :not(pre, script)')].flatMap(e => [...e.childNodes]"
            ".filter(n => n.nodeType === 3).map(n => n.textContent))"
        )
        digits = {number: number.replace(".", "").lstrip("0") for w in said for number in re.findall(r"\d+\.\d+", w)}
        assert not [number for number, significant in digits.items() if len(significant) > 6]
        assert not [words for words in (*said, *seen) if re.search(r"(?<![\w.\-])-\.?\d", words)]
