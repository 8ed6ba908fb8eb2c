"""The folder that `write` leaves: complete, escaped, replaced as a whole."""

import ast
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vl_convert import svg_to_png

import blackthorn.report as report
from blackthorn.errors import StoreError
from blackthorn.report import Page, write, writing
from blackthorn.report.charts import LINES, Chart, Panel, curve_panel
from blackthorn.report.template import fill
from blackthorn.report.views import VIEWS, View
from blackthorn.report.views.costs import relative_cost
from blackthorn.report.views.images import galleries
from blackthorn.results import Published, Row

from .demo import ODD, accuracy_cell, bare, examples, grid, odd, sweep, table1, trade_off, with_cells


def page_text(folder: Path, page: Page) -> str:
    return write(folder, page).read_text("utf-8")


@pytest.mark.slow
def test_write_leaves_page_tables_and_figures_and_no_partial_files(tmp_path: Path) -> None:
    assert write(tmp_path / "out", table1(tmp_path / "cells")) == tmp_path / "out" / "index.html"
    left = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    names = ("accuracy-bars", "accuracy-eps", "accuracy-sparsity", "cost")
    figures = [f"figures/{name}.{ending}" for name in names for ending in ("png", "svg", "pdf")]
    assert left == sorted(["costs.csv", *figures, "index.html", "results.csv", "statements.csv"])


def test_figures_are_in_plain_colours(tmp_path: Path) -> None:
    write(tmp_path, table1(tmp_path / "cells"))
    assert (tmp_path / "figures" / "cost.png").read_bytes()[:4] == b"\x89PNG"
    drawn = (tmp_path / "figures" / "accuracy-eps.svg").read_text("utf-8")
    assert "#0072b2" in drawn and "var(--" not in drawn


def test_figures_are_packed_without_changing_a_pixel(tmp_path: Path) -> None:
    write(tmp_path, table1(tmp_path / "cells"))
    plain = svg_to_png((tmp_path / "figures" / "cost.svg").read_text("utf-8"), scale=2)
    assert (tmp_path / "figures" / "cost.png").stat().st_size < len(plain) / 2
    drawn, wanted = Image.open(tmp_path / "figures" / "cost.png"), Image.open(io.BytesIO(plain)).convert("RGBA")
    assert wanted.getextrema()[3] == (255, 255)  # nothing shines through, so no colour is lost without alpha
    assert np.array_equal(np.asarray(drawn), np.asarray(wanted.convert("RGB")))


@pytest.mark.slow
def test_a_figure_that_is_no_longer_made_goes_away(tmp_path: Path) -> None:
    write(tmp_path, table1(tmp_path / "cells", seeds=(0,)))
    write(tmp_path, bare(tmp_path / "cells"))
    assert list((tmp_path / "figures").iterdir()) == []


@pytest.mark.slow
def test_names_from_outside_never_become_markup(tmp_path: Path) -> None:
    html = page_text(tmp_path, odd(tmp_path / "cells"))
    assert "<script>alert" not in html
    assert "<b>bold" not in html
    assert html.count("<script") == html.count("</script>") == 3
    assert "{{ 7 * 7 }} {% raw %} var(--c0)" in html


def test_the_page_names_no_address_that_a_browser_would_fetch(tmp_path: Path) -> None:
    html = page_text(tmp_path, table1(tmp_path / "cells", seeds=(0,)))
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    fetched = re.findall(r"""<(?:img|link|script|iframe)\b[^>]*\b(?:src|href)=["']?([^"'> ]+)""", markup)
    assert fetched and all(address.startswith("data:") for address in fetched)
    assert "default-src 'none'" in html


@pytest.mark.slow
def test_an_unfinished_sweep_says_so_before_anything_else(tmp_path: Path) -> None:
    html = page_text(tmp_path, sweep(tmp_path / "cells"))
    assert html.index("Not finished: 20 results missing") < html.index("What pruning did")
    assert html.count('<span title="not measured">') == 20


def test_a_page_without_any_cell_is_still_a_page(tmp_path: Path) -> None:
    empty = grid([], rows=["dense", "weight 98%"], metrics=["natural"])
    page = replace(bare(tmp_path), grid=empty, missing=["dense, natural, seed 0"])
    html = page_text(tmp_path, page)
    assert "No accuracy has been measured yet." in html
    assert (tmp_path / "results.csv").read_text() == "row,metric,value,low,high,seeds,published\n"


def test_a_paper_number_is_marked_inside_above_or_below(tmp_path: Path) -> None:
    html = page_text(tmp_path, table1(tmp_path / "cells", seeds=(0,)))
    assert all(f'class="mark {where}"' in html for where in ("inside", "above", "below"))


def test_a_paper_number_within_its_rounding_counts_as_inside(tmp_path: Path) -> None:
    page = bare(tmp_path)
    cell = accuracy_cell(tmp_path, "dense", "natural", 0.912)  # Wilson: from 90.63 %
    for paper, mark in ((90.6, "inside"), (90.5, "above")):
        published = Published("paper", {"dense": {"natural": paper}})
        html = page_text(tmp_path, replace(with_cells(page, [cell]), published=published))
        assert f'</span> <span class="mark {mark}">' in html


def test_warnings_are_told_once_with_their_places(tmp_path: Path) -> None:
    html = page_text(tmp_path, table1(tmp_path / "cells"))
    assert html.count("gradients of 12 of 10,000 images vanish") == 1
    assert "dense / pgd 0.3 and weight 98% / pgd 0.3" in html


def test_facts_that_differ_between_records_are_all_shown(tmp_path: Path) -> None:
    cells = [accuracy_cell(tmp_path, "dense", "natural", 0.9, seed=s, commit=c) for s, c in ((0, "aaa"), (1, "bbb"))]
    assert "<dd>aaa and bbb</dd>" in page_text(tmp_path, with_cells(bare(tmp_path), cells))


def test_colour_examples_use_class_names_and_a_stated_factor(tmp_path: Path) -> None:
    folder = examples(tmp_path / "cell", 8 / 255, colour=True)
    names = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    attack = {"kind": "pgd", "eps": 8 / 255}
    cell = accuracy_cell(folder, "dense", "pgd 8/255", 0.4, attack=attack, classes=names)
    (gallery,) = galleries(with_cells(bare(tmp_path), [cell]))
    assert (gallery.factor, gallery.colour) == (30, True)  # 30 * 8/255 = 0.94 fits in [-1, 1]; 50 does not
    first = gallery.strips[0].triples[0]
    assert (first.label, first.predicted, first.fooled, first.outcome) == ("plane", "plane", "cat", "fooled")
    assert first.original.startswith("data:image/png;base64,")


def test_examples_that_were_fooled_come_first(tmp_path: Path) -> None:
    folder = examples(tmp_path / "cell", 0.1, fooled=(0, 1, 2, 7, 4, 5))  # only the last is fooled
    cell = accuracy_cell(folder, "dense", "fgsm 0.1", 0.4, attack={"kind": "fgsm", "eps": 0.1})
    (gallery,) = galleries(with_cells(bare(tmp_path), [cell]))
    assert [triple.outcome for triple in gallery.strips[0].triples] == [
        "fooled",
        "resisted",
        "resisted",
        "resisted",
    ]


def test_damaged_examples_are_one_line_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "examples.safetensors").write_bytes(b"half")
    cell = accuracy_cell(tmp_path, "dense", "fgsm 0.1", 0.4, attack={"kind": "fgsm", "eps": 0.1})
    with pytest.raises(StoreError, match=r"examples\.safetensors: cannot be read") as caught:
        write(tmp_path / "out", with_cells(bare(tmp_path), [cell]))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="the report cannot be written"):
        write(tmp_path / "file", bare(tmp_path))


def test_a_number_that_is_not_finite_never_gets_as_far_as_a_page(tmp_path: Path) -> None:
    cell = accuracy_cell(tmp_path, "dense", "natural", 0.5)
    with pytest.raises(ValueError, match="finite"):
        replace(cell.record, value=float("nan"))


def test_the_report_never_imports_torch() -> None:
    for source in Path(report.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            heavy = ("torch", "altair") if source.name == "reading.py" else ("torch", "altair", "pandas")
            assert not any(name.split(".")[0] in heavy for name in names), source.name  # reading gives out frames


def test_flags_of_different_length_do_not_break_the_page(tmp_path: Path) -> None:
    page = table1(tmp_path / "cells", seeds=(0,))
    cells = page.grid.cells
    short = [replace(cell, flags=np.ones(5, dtype=np.bool_)) if cell.row == "dense" else cell for cell in cells]
    assert "What pruning did" in page_text(tmp_path, with_cells(page, short, rows=page.rows))


def test_bars_leave_out_the_dense_form_of_a_pruned_network(tmp_path: Path) -> None:
    chart = relative_cost(table1(tmp_path, seeds=(0,)))
    assert chart is not None
    rows = [point["row"] for point in chart.panels[0].points]
    assert rows == ["dense", "weight 98% · masked", "filter 75% · masked", "filter 75% · shrunk"]


def test_every_odd_name_is_shown_whole_somewhere(tmp_path: Path) -> None:
    from markupsafe import escape

    html = page_text(tmp_path, odd(tmp_path / "cells"))
    assert all(str(escape(name)) in html for name in ODD)


@pytest.mark.slow
def test_selections_are_a_table_with_the_paper_and_the_difference(tmp_path: Path) -> None:
    html = page_text(tmp_path, trade_off(tmp_path / "cells"))
    table = re.sub(r"<[^>]+>|&nbsp;|\s+", " ", html[html.index('id="selected"') : html.index("The sweeps they were")])
    assert "fgsm weight high compression largest rate of fgsm weight * with natural within 0.3 points" in (
        re.sub(r" +", " ", table)
    )
    assert "fgsm weight 90%" in table and "paper 96" in table and "−0.08" in table
    assert "no network passes" in table  # pgd filter 80% and more
    assert 'href="#selected"' in html


@pytest.mark.slow
def test_selections_of_a_half_finished_sweep_say_what_is_missing(tmp_path: Path) -> None:
    html = page_text(tmp_path, trade_off(tmp_path / "cells", done=0.6))
    assert html.count("<b>cannot be told yet</b>") == 3
    assert "not measured yet: pgd weight 60%, pgd 0.3;" in html


def test_the_file_of_selections_is_there_when_something_is_selected(tmp_path: Path) -> None:
    write(tmp_path, trade_off(tmp_path / "cells"))
    assert (tmp_path / "selected.csv").is_file()
    write(tmp_path, bare(tmp_path / "cells"))
    assert not (tmp_path / "selected.csv").exists()


def latency(page: Page) -> View:
    """A part as somebody would add it: a chart, a file and a piece of page."""
    points = [{"series": "one", "x": 1.0, "value": 2.0, "shown": "2", "success": ""}]
    panel = Panel("all", "Said.", points, curve_panel(points, ["one"]))
    chart = Chart("new-chart", "A new chart", "Of one point.", ["one"], [panel], LINES, table="new.csv")
    html = fill("views/chart.html", chart=chart)
    return View(name="new", nav="New", title="Something new", html=html, charts=[chart], files={"new.csv": "a,b\n"})


def test_a_part_is_shown_saved_and_removed_by_its_place_in_the_list_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "VIEWS", (*VIEWS, latency))
    html = page_text(tmp_path, bare(tmp_path / "cells"))
    assert html.count('href="#new"') == 1 and '<h2 id="h-new">Something new</h2>' in html
    made = [tmp_path / name for name in ("new.csv", "figures/new-chart.png", "figures/new-chart.svg")]
    assert all(path.is_file() for path in made)
    monkeypatch.undo()
    write(tmp_path, bare(tmp_path / "cells"))
    assert not any(path.exists() for path in made)


def test_a_report_removes_what_an_earlier_one_made_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, trade_off(tmp_path / "cells"))
    mine = [tmp_path / name for name in ("mine.csv", "recipe.yaml", "figures/mine.png")]
    for path in mine:
        path.write_text("kept")
    write(tmp_path, bare(tmp_path / "cells"))
    assert all(path.read_text() == "kept" for path in mine)
    assert not (tmp_path / "selected.csv").exists() and not (tmp_path / "figures" / "accuracy-eps.png").exists()


def test_files_of_a_page_of_version_0_1_go_away_too(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    old = [tmp_path / name for name in ("curves.csv", "figures/accuracy-curves.png")]
    for path in (*old, tmp_path / "recipe.yaml"):
        path.write_text("old")
    (tmp_path / "index.html").write_text('<a href="figures/accuracy-curves.png">PNG</a> <a href="curves.csv">CSV</a>')
    write(tmp_path, bare(tmp_path / "cells"))
    assert not any(path.exists() for path in old) and (tmp_path / "recipe.yaml").exists()


def test_an_earlier_page_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "precious.csv").write_text("kept")
    (tmp_path / "out" / "index.html").write_text(
        '<meta name="file" content="../precious.csv"><a href="../precious.csv">'
    )
    write(tmp_path / "out", bare(tmp_path / "cells"))
    assert (tmp_path / "precious.csv").exists()


def test_every_part_has_a_name_of_its_own_and_links_to_its_files(tmp_path: Path) -> None:
    for page in (table1(tmp_path, seeds=(0,)), trade_off(tmp_path)):
        views = [view for part in VIEWS if (view := part(page)) is not None]
        assert len({view.name for view in views}) == len(views)
        for view in (view for view in views if view.html):
            assert all(f'href="{name}"' in view.html for name in view.files)


def test_a_row_is_compared_with_the_network_it_came_from_and_not_with_one_of_a_similar_name(tmp_path: Path) -> None:
    rates = {"small": 0.8, "big": 0.9, "small 90%": 0.85}
    cells = [accuracy_cell(tmp_path, row, "natural", rate) for row, rate in rates.items()]
    rows = [Row("small"), Row("big"), Row("small 90%", base="big", requested=0.9, family="small from big")]
    html = page_text(tmp_path, with_cells(bare(tmp_path), cells, rows=rows))
    assert "Pruning “big” by 90\u00a0% cost 5.0 points of accuracy" in html
