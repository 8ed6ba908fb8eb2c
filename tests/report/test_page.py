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
from blackthorn.report import Page, write
from blackthorn.report.figures import figures
from blackthorn.report.images import galleries

from .demo import ODD, accuracy_cell, bare, examples, odd, sweep, table1, trade_off


def page_text(folder: Path, page: Page) -> str:
    return write(folder, page).read_text("utf-8")


def test_write_leaves_page_tables_and_figures_and_no_partial_files(tmp_path: Path) -> None:
    assert write(tmp_path / "out", table1(tmp_path / "cells")) == tmp_path / "out" / "index.html"
    left = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    names = ("accuracy-eps", "accuracy-sparsity", "cost")
    figures = [f"figures/{name}.{ending}" for name in names for ending in ("png", "svg")]
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


def test_a_figure_that_is_no_longer_made_goes_away(tmp_path: Path) -> None:
    write(tmp_path, table1(tmp_path / "cells", seeds=(0,)))
    write(tmp_path, bare(tmp_path / "cells"))
    assert list((tmp_path / "figures").iterdir()) == []


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


def test_an_unfinished_sweep_says_so_before_anything_else(tmp_path: Path) -> None:
    html = page_text(tmp_path, sweep(tmp_path / "cells"))
    assert html.index("Not finished: 20 results missing") < html.index("What pruning did")
    assert html.count('<span title="not measured">') == 20


def test_a_page_without_any_cell_is_still_a_page(tmp_path: Path) -> None:
    page = replace(bare(tmp_path), cells=[], rows=["dense", "weight 98%"], missing=["dense, natural, seed 0"])
    html = page_text(tmp_path, page)
    assert "No accuracy has been measured yet." in html
    assert (tmp_path / "results.csv").read_text() == "row,metric,value,low,high,seeds,published\n"


def test_a_paper_number_is_marked_inside_above_or_below(tmp_path: Path) -> None:
    html = page_text(tmp_path, table1(tmp_path / "cells", seeds=(0,)))
    assert all(f'class="mark {where}"' in html for where in ("inside", "above", "below"))


def test_a_paper_number_within_its_rounding_counts_as_inside(tmp_path: Path) -> None:
    page = bare(tmp_path)
    cell = accuracy_cell(tmp_path, "dense", "natural", 0.912, low=0.9041, high=0.92)
    for paper, mark in ((90.4, "inside"), (90.3, "above")):
        published = report.Published("paper", {"dense": {"natural": paper}})
        html = page_text(tmp_path, replace(page, cells=[cell], published=published))
        assert f'</span> <span class="mark {mark}">' in html


def test_warnings_are_told_once_with_their_places(tmp_path: Path) -> None:
    html = page_text(tmp_path, table1(tmp_path / "cells"))
    assert html.count("gradients of 12 of 10,000 images vanish") == 1
    assert "dense / pgd 0.3 and weight 98% / pgd 0.3" in html


def test_facts_that_differ_between_records_are_all_shown(tmp_path: Path) -> None:
    cells = [accuracy_cell(tmp_path, "dense", "natural", 0.9, seed=s, commit=c) for s, c in ((0, "aaa"), (1, "bbb"))]
    assert "<dd>aaa and bbb</dd>" in page_text(tmp_path, replace(bare(tmp_path), cells=cells))


def test_colour_examples_use_class_names_and_a_stated_factor(tmp_path: Path) -> None:
    folder = examples(tmp_path / "cell", 8 / 255, colour=True)
    names = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    attack: dict[str, object] = {"kind": "pgd", "eps": 8 / 255}
    cell = accuracy_cell(folder, "dense", "pgd 8/255", 0.4, attack=attack, classes=names)
    (gallery,) = galleries(replace(bare(tmp_path), cells=[cell]))
    assert (gallery.factor, gallery.colour) == (30, True)  # 30 * 8/255 = 0.94 fits in [-1, 1]; 50 does not
    first = gallery.strips[0].triples[0]
    assert (first.label, first.predicted, first.fooled, first.outcome) == ("plane", "plane", "cat", "fooled")
    assert first.original.startswith("data:image/png;base64,")


def test_examples_that_were_fooled_come_first(tmp_path: Path) -> None:
    folder = examples(tmp_path / "cell", 0.1, fooled=(0, 1, 2, 7, 4, 5))  # only the last is fooled
    cell = accuracy_cell(folder, "dense", "fgsm 0.1", 0.4, attack={"kind": "fgsm", "eps": 0.1})
    (gallery,) = galleries(replace(bare(tmp_path), cells=[cell]))
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
        write(tmp_path / "out", replace(bare(tmp_path), cells=[cell]))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="the report cannot be written"):
        write(tmp_path / "file", bare(tmp_path))


def test_numbers_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    cell = accuracy_cell(tmp_path, "dense", "natural", 0.5)
    cell.record["value"] = float("nan")
    assert "No accuracy has been measured yet." in page_text(tmp_path, replace(bare(tmp_path), cells=[cell]))


def test_the_report_never_imports_torch() -> None:
    for source in Path(report.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] in ("torch", "altair", "pandas") for name in names), source.name


def test_flags_of_different_length_do_not_break_the_page(tmp_path: Path) -> None:
    page = table1(tmp_path / "cells", seeds=(0,))
    short = [replace(cell, flags=np.ones(5, dtype=np.bool_)) if cell.row == "dense" else cell for cell in page.cells]
    assert "What pruning did" in page_text(tmp_path, replace(page, cells=short))


def test_bars_leave_out_the_dense_form_of_a_pruned_network(tmp_path: Path) -> None:
    chart = figures(table1(tmp_path, seeds=(0,)))[-1]
    rows = [point["row"] for point in chart.panels[0].points]
    assert rows == ["dense", "weight 98% · masked", "filter 75% · masked", "filter 75% · shrunk"]


def test_every_odd_name_is_shown_whole_somewhere(tmp_path: Path) -> None:
    from markupsafe import escape

    html = page_text(tmp_path, odd(tmp_path / "cells"))
    assert all(str(escape(name)) in html for name in ODD)


def test_selections_are_a_table_with_the_paper_and_the_difference(tmp_path: Path) -> None:
    html = page_text(tmp_path, trade_off(tmp_path / "cells"))
    table = re.sub(r"<[^>]+>|&nbsp;|\s+", " ", html[html.index('id="selected"') : html.index("The sweeps they were")])
    assert "fgsm weight high compression largest rate of fgsm weight * with natural within 0.3 points" in (
        re.sub(r" +", " ", table)
    )
    assert "fgsm weight 90%" in table and "paper 96" in table and "−0.08" in table
    assert "no network passes" in table  # pgd filter 80% and more
    assert 'href="#selected"' in html


def test_selections_of_a_half_finished_sweep_say_what_is_missing(tmp_path: Path) -> None:
    html = page_text(tmp_path, trade_off(tmp_path / "cells", done=0.6))
    assert html.count("<b>cannot be told yet</b>") == 3
    assert "not measured yet: pgd weight 60%, pgd 0.3;" in html


def test_the_file_of_selections_is_there_when_something_is_selected(tmp_path: Path) -> None:
    write(tmp_path, trade_off(tmp_path / "cells"))
    assert (tmp_path / "selected.csv").is_file()
    write(tmp_path, bare(tmp_path / "cells"))
    assert not (tmp_path / "selected.csv").exists()
