"""The CSV files, from hand-made cells."""

import csv
import io
from dataclasses import replace
from pathlib import Path

from blackthorn.claims import Verdict
from blackthorn.report.views.costs import costs_csv
from blackthorn.report.views.results import accuracy_lines, results_csv
from blackthorn.report.views.selected import selected_csv
from blackthorn.report.views.statements import statements_csv
from blackthorn.results import Published

from .demo import ODD, accuracy_cell, bare, cost_cells, grid, odd, table1, trade_off, with_cells


def test_results_are_percent_with_two_decimals_and_the_interval_of_the_record(tmp_path: Path) -> None:
    cell = accuracy_cell(tmp_path, "dense", "natural", 0.9, low=0.893967, high=0.905733)
    page = replace(with_cells(bare(tmp_path), [cell]), published=Published("paper", {"dense": {"natural": 91}}))
    assert results_csv(page) == ("row,metric,value,low,high,seeds,published\ndense,natural,90.00,89.40,90.57,0,91.00\n")


def test_seeds_are_listed_in_order_and_averaged(tmp_path: Path) -> None:
    cells = [accuracy_cell(tmp_path, "dense", "natural", rate, seed=s) for s, rate in ((2, 0.8), (0, 0.7), (1, 0.6))]
    line = results_csv(with_cells(bare(tmp_path), cells)).splitlines()[1].split(",")
    assert (line[2], line[5], line[6]) == ("70.00", "0 1 2", "")


def test_results_keep_the_order_of_the_page_and_leave_costs_out(tmp_path: Path) -> None:
    page = table1(tmp_path, seeds=(0,))
    shuffled = replace(page, grid=replace(page.grid, cells=list(reversed(page.grid.cells))))
    assert results_csv(shuffled) == results_csv(page)
    places = [tuple(line[:2]) for line in csv.reader(io.StringIO(results_csv(page)))][1:]
    assert places == [(row, metric) for row in page.rows for metric in page.grid.metrics if metric != "cost"]


def test_a_published_place_that_is_not_measured_has_an_empty_value(tmp_path: Path) -> None:
    page = replace(bare(tmp_path), published=Published("paper", {"dense": {"natural": 99.0}}))
    page = replace(page, grid=grid([], rows=["dense"], metrics=["natural"]))
    assert results_csv(page).splitlines()[1:] == ["dense,natural,,,,,99.00"]


def test_accuracies_of_the_paper_have_the_decimals_of_accuracies(tmp_path: Path) -> None:
    paper = {"dense": {"natural": 91.5, "vulnerability": 0.125}}
    page = with_cells(bare(tmp_path), [accuracy_cell(tmp_path, "dense", "natural", 0.9)])
    page = replace(page, published=Published("paper", paper))
    assert [place.paper for place in accuracy_lines(page)[0].places if place] == ["91.5"]


def test_targeted_success_is_a_column_where_a_noise_aims_at_a_class_and_only_there(tmp_path: Path) -> None:
    cells = [accuracy_cell(tmp_path, "dense", "noise", 0.3, seed=seed) for seed in (0, 1)]
    aimed = [
        accuracy_cell(tmp_path, "dense", "noise", 0.3, seed=seed, targeted_success=share)
        for seed, share in enumerate((0.6, 0.7))
    ]
    natural = accuracy_cell(tmp_path, "dense", "natural", 0.9)
    page = with_cells(bare(tmp_path), [natural, *aimed])
    read = [line.split(",") for line in results_csv(page).splitlines()]
    assert [line[-1] for line in read] == ["targeted_success", "", "65.00"]
    assert results_csv(with_cells(page, [natural, *cells])).splitlines()[0].endswith(",published")


def test_odd_names_survive_a_round_trip_through_csv(tmp_path: Path) -> None:
    read = list(csv.DictReader(io.StringIO(results_csv(odd(tmp_path)), newline="")))
    assert list(dict.fromkeys(line["row"] for line in read)) == list(ODD)


def test_costs_join_seeds_by_the_median_and_the_widest_bounds(tmp_path: Path) -> None:
    cells = [
        cell
        for seed, ms in enumerate((10.0, 30.0, 12.0))
        for cell in cost_cells(tmp_path, "dense", "dense", (100, 50, 2000, 400, 1.0, ms), seed)
    ]
    read = costs_csv(with_cells(bare(tmp_path), cells)).splitlines()
    assert read[0] == "row,metric,form,batch,value,low,high,unit,seeds"
    assert "dense,parameters,dense,,100,100,100,count,0 1 2" in read
    assert "dense,latency,dense,128,12,9.6,31.2,ms,0 1 2" in read


def test_the_three_sparsities_stay_apart_and_are_percent(tmp_path: Path) -> None:
    zeros = {"sparsity_weights": 0.98, "sparsity_filters": 0.1, "sparsity_units": 0.05}
    cells = [accuracy_cell(tmp_path, "weight 98%", "natural", 0.9, seed=seed, **zeros) for seed in (0, 1)]
    read = costs_csv(with_cells(bare(tmp_path), cells)).splitlines()[1:]
    assert read == [
        "weight 98%,sparsity weights,,,98.00,98.00,98.00,percent,0 1",
        "weight 98%,sparsity filters,,,10.00,10.00,10.00,percent,0 1",
        "weight 98%,sparsity units,,,5.00,5.00,5.00,percent,0 1",
    ]


def test_statements_hold_yes_no_or_unknown(tmp_path: Path) -> None:
    verdicts = [Verdict("a, b", True, "x"), Verdict("c", False, 'y "z"'), Verdict("d", None, "")]
    assert statements_csv(replace(bare(tmp_path), verdicts=verdicts)) == (
        'statement,holds,evidence,seeds\n"a, b",yes,x,0\nc,no,"y ""z""",0\nd,unknown,,0\n'
    )


def test_selections_are_picked_none_or_unknown(tmp_path: Path) -> None:
    whole, half = (list(csv.DictReader(io.StringIO(selected_csv(trade_off(tmp_path, done=done))))) for done in (1, 0.6))
    assert [line["outcome"] for line in whole] == ["picked", "picked", "picked", "none"]
    assert [line["outcome"] for line in half] == ["picked", "unknown", "unknown", "unknown"]
    first = whole[0]
    assert (first["row"], first["rate"], first["published"]) == ("fgsm weight 90%", "90", "96")
    assert first["changes"] == "natural -0.08"
