"""The numbers on the front page and on the pages of results are those of the CSV files beside them."""

import csv
import json
import re
from pathlib import Path

import pytest

from blackthorn.claims import judge
from blackthorn.recipes import read_recipe
from blackthorn.report import recorded_grid
from blackthorn.report.markdown import refreshed
from blackthorn.results import estimate

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.parent for path in ROOT.glob("results/*/results.csv"))
RECORDED = [folder for folder in FOLDERS if (folder / "grid.json").is_file()]

TIERS = ("full", "standard", "screen")

Line = dict[str, str]


def lines(path: Path) -> list[Line]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def places(path: Path) -> dict[tuple[str, str], Line]:
    return {(line["row"], line["metric"]): line for line in lines(path)}


def table(text: str) -> list[list[str]]:
    """The cells of a Markdown table, without the line under its heading."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [found[0], *found[2:]]


def short(percent: str) -> str:
    return f"{float(percent):.1f}"


@pytest.mark.parametrize(("name", "text"), re.findall(
    r"<!-- table ([\w-]+) -->\n(.*?)<!-- /table -->", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
))  # fmt: skip
def test_the_front_page_says_what_the_results_say(name: str, text: str) -> None:
    held = places(ROOT / "results" / name / "results.csv")
    heading, *body = table(text)
    assert len(body) >= 3
    for row, *cells in body:
        for metric, cell in zip(heading[1:], cells, strict=True):
            line = held[row, metric]
            paper = f" / {short(line['published'])}" if line["published"] else ""
            bound = "≤ " if line.get("alarm") else ""
            assert cell == f"{bound}{short(line['value'])}{paper}", (row, metric)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_tables_of_a_page_of_results_are_those_of_its_files(folder: Path) -> None:
    readme = (folder / "README.md").read_text("utf-8")
    files = {name: (folder / name).read_text("utf-8") for name in ("results.csv", "statements.csv")}
    assert refreshed(readme, files) == readme


@pytest.mark.parametrize("folder", RECORDED, ids=lambda path: path.name)
def test_everything_can_be_computed_again_from_what_is_recorded(folder: Path) -> None:
    grid = recorded_grid(folder)
    said = {True: "yes", False: "no", None: "unknown"}
    verdicts = judge(read_recipe(str(folder / "recipe.yaml")).statements, grid)
    assert [[v.statement, said[v.holds], v.evidence] for v in verdicts] == [
        [line["statement"], line["holds"], line["evidence"]] for line in lines(folder / "statements.csv")
    ]
    held = places(folder / "results.csv")
    kinds = {type(cell.record) for cell in grid.cells}
    for kind in kinds:
        for place, cells in grid.of(kind).items():
            found = estimate(cells) if place in held and len(cells) == len(grid.seeds) else None
            if found is not None and not cells[0].record.plain:
                line = held[place]
                assert [f"{100 * number:.2f}" for number in (found.value, found.low, found.high)] == [
                    line["value"], line["low"], line["high"]
                ]  # fmt: skip


def test_the_page_of_results_names_those_that_have_no_record() -> None:
    text = (ROOT / "results" / "README.md").read_text("utf-8")
    named = set(re.findall(r"`([\w-]+)`", text.partition("No records yet:")[2].partition("\n\n")[0]))
    assert named == {folder.name for folder in FOLDERS} - {folder.name for folder in RECORDED}


def test_the_table_of_runtimes_says_what_was_timed() -> None:
    page = (ROOT / "docs" / "exports.md").read_text("utf-8")
    timed = json.loads((ROOT / "results" / "benchmarks" / "runtimes_1_thread.json").read_text("utf-8"))
    rows = {(row["network"], row["batch"], row["form"]): row for row in timed["rows"]}
    _, *body = table(page.partition("Half of the filters of every layer gone")[2].partition("That is")[0])
    forms = ["dense", "masked", "shrunk", "dense onnx", "shrunk onnx", "dense int8", "shrunk int8"]
    assert len(body) == len(forms)
    for form, (_, *cells) in zip(forms, body, strict=True):
        for place, cell in zip([("vgg16", 1), ("vgg16", 128), ("resnet18", 1), ("resnet18", 128)], cells, strict=True):
            took = 1e3 * rows[*place, form]["median_s"]
            faster = rows[*place, "dense"]["median_s"] / rows[*place, form]["median_s"]
            assert cell == f"{took:.{2 if place[1] == 1 else 0}f} ms ({faster:.1f}x)"


def test_the_table_of_what_ships_is_the_one_that_was_written() -> None:
    folder = ROOT / "results" / "shipping"
    page = (folder / "README.md").read_text("utf-8")
    (shown,) = re.findall(r"<!-- table shipping -->\n(.*?)<!-- /table -->", page, re.DOTALL)
    assert shown == (folder / "table.md").read_text("utf-8")
    rows = json.loads((folder / "shipping.json").read_text("utf-8"))["rows"]
    for (form, _, one, many, natural, attacked), row in zip(table(shown)[1:], rows, strict=True):
        assert form == row["form"]
        assert (float(one.split()[0]), float(many.split()[0])) == pytest.approx(
            (row["latency_1_ms"], row["latency_128_ms"]), rel=5e-3
        )
        assert [natural.split()[0], attacked.split()[0]] == [short(100 * row[name]) for name in ("natural", "attacked")]


def test_the_tables_of_loading_say_what_was_timed() -> None:
    page = (ROOT / "docs" / "data.md").read_text("utf-8")
    rows = json.loads((ROOT / "results" / "benchmarks" / "loading.json").read_text("utf-8"))["rows"]
    timed = {images: [row for row in rows if row["images"] == images] for images in ("CIFAR-10", "JPEG of 224 x 224")}
    order = ["decoding alone", "first reading, to disk", "first reading, into memory"]
    order += ["opening and an epoch, datasets + DataLoader", "in memory", "on disk"]
    order += ["datasets + DataLoader", "datasets + DataLoader, 2 workers"]
    for images, start, names in (
        ("CIFAR-10", "10,000 images of CIFAR-10", [row["name"] for row in timed["CIFAR-10"]]),
        ("JPEG of 224 x 224", "1,000 JPEG files", order),
    ):
        _, *body = table("| " + page.partition(f"| {start}")[2].partition("\n\n")[0])
        each = {row["name"]: float(f"{row['images_per_s']:.2g}") for row in timed[images]}
        assert [cell for _, cell in body] == [f"{each[name]:,.0f}" for name in names]
    longer = [1 / row["times_faster"] for row in timed["CIFAR-10"] if row["name"].startswith("on disk")]
    assert "took\n{:.2f} times as long, and {:.2f} times with crop and flip".format(*longer) in page


def test_the_tables_of_scaling_say_what_was_timed() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text("utf-8")
    timed = json.loads((ROOT / "results" / "benchmarks" / "scaling.json").read_text("utf-8"))
    plans, workers, simulated, chains = (
        table("|" + page.partition(f"\n{start}|")[2].partition("\n\n")[0].replace("\n   |", "\n|"))[1:]
        for start in ("| seconds, for a plan of ", "| workers ", "| ", "   | recipe ")
    )
    rows = timed["overhead"]
    assert [row["stages"] for row in rows] == [9, 999, 9999]
    for (_, *cells), what in zip(plans, ("start", "recognise", "report")):
        assert cells == [f"{row['seconds'][what]['clock']:.1f}" for row in rows]
    assert plans[3][1:] == [f"{row['beside_ms']:.1f}" for row in rows]
    assert all(rows[2]["seconds"][what]["clock"] < 5 for what in ("start", "recognise"))
    assert rows[2]["seconds"]["report"]["clock"] < 60
    found = [
        [str(run["workers"]), f"{run['seconds']:.0f} s", f"{run['simulated']:.0f} s"]
        for run in timed["quickstart"]["runs"]
    ]
    assert workers == found
    used = {(row["each"], row["process_for_each"], row["workers"]): row["used"] for row in timed["simulated"]["rows"]}
    kinds = [(each, starts) for each in (1.0, 10.0, 60.0) for starts in (False, True)]
    for (_, *cells), kind in zip(simulated, kinds, strict=True):
        assert cells == [f"{100 * used[*kind, count]:.0f} %" for count in (4, 16, 100, 400)]
    busy = {chain["recipe"]: chain for chain in timed["chains"]}
    assert chains and all(row == [row[0], str(busy[row[0]]["stages"]), f"{busy[row[0]]['busy']:.1f}"] for row in chains)
    left = page.partition("ten seconds, ")[2]
    assert left.startswith(f"{100 * used[10.0, True, 100]:.0f} % of the time is left for work")
    assert f"It finishes a stage in {1000 * timed['parts']['store_s']:.1f} ms" in page


def test_what_the_tiers_of_autoattack_leave_is_told_as_it_was_measured() -> None:
    rows = json.loads((ROOT / "results" / "benchmarks" / "tiers.json").read_text("utf-8"))["rows"]
    by = {(row["network"], row["eps"], row["tier"]): row for row in rows}
    told = (ROOT / "docs" / "trust.md").read_text("utf-8")
    assert f"On {rows[0]['images']} test images of MNIST" in told
    for network, eps in dict.fromkeys((row["network"], row["eps"]) for row in rows):
        full, *cheap = (by[network, eps, tier] for tier in TIERS)
        name = network.replace("pgd", "PGD").replace(" ", "-")
        cells = [f"{name}, {eps:g}", f"{full['robust'] / full['images']:.1%}"]
        for row in cheap:
            cells += [f"{row['robust'] / row['images']:.1%}", f"{row['share_of_fulls_time']:.0%}"]
        assert f"| {' | '.join(cells)} |".replace("%", " %") in told
    losses = json.loads((ROOT / "results" / "benchmarks" / "losses.json").read_text("utf-8"))["rows"]
    left = {row["attack"]: f"{row['robust']:.1%}".replace("%", " %") for row in losses}
    assert f"ratio leave {left['ratio, likely, 9 x 30']} of {losses[0]['images']} images" in " ".join(told.split())
    assert f"by the margin leave {left['margin, nearest, 9 x 100']}" in told


def test_the_page_on_trust_counts_the_alarms_that_were_found() -> None:
    page = (ROOT / "docs" / "trust.md").read_text("utf-8")
    found = json.loads((ROOT / "results" / "benchmarks" / "false_alarms.json").read_text("utf-8"))["rows"]
    rang = {row["recipe"]: (row["cells"], len(row["under_alarm"])) for row in found if row["under_alarm"]}
    silent = [row["cells"] for row in found if not row["under_alarm"]]
    under, cells = sum(alarms for _, alarms in rang.values()), sum(row["cells"] for row in found)
    assert f"all {len(found)} published recipes in their smoke presets" in page
    assert f"{under} of {cells:,}\ncells with an attack are under alarm" in page
    assert f"| {len(silent)} of {len(found)}, the quickstart among them | {sum(silent):,} | 0 |" in page
    tiny = [rang.pop(name) for name in ("certified-mnist", "rfp-figure4", "rfp-table1")]
    assert f"| {sum(n for n, _ in tiny)} | {sum(alarms for _, alarms in tiny)}, four networks |" in page
    assert rang == {"wang2018-table1": (150, 49), "wang2018-table2": (156, 1), "wang2018-rate": (70, 2)}


def test_the_page_on_trust_says_what_squares_fool_of_what_pgd_leaves() -> None:
    page = " ".join((ROOT / "docs" / "trust.md").read_text("utf-8").split())
    rows = json.loads((ROOT / "results" / "benchmarks" / "standing.json").read_text("utf-8"))["rows"]
    silent = [row for row in rows if not row["alarms"]]
    most = max(row["fooled"] / row["left"] for row in silent if row["left"])
    recipes = len({row["recipe"] for row in rows})
    assert recipes == 5 and {row["images"] for row in rows} == {200}
    assert f"200 squares fool {100 * most:.1f} % at most on {len(silent)} networks of five recipes for MNIST" in page
    least = min(row["agreement"] for row in rows if row["agreement"] is not None)
    assert f"by a mean cosine of {least:.2f} at least" in page
    (hides,) = (row for row in rows if row["row"] == "pgd scratch small")
    assert hides["alarms"] == ["hidden gradients"]
    assert f"They fool {100 * hides['fooled'] / hides['left']:.0f} % on the small network" in page


def test_the_page_on_trust_says_what_many_squares_fool_of_what_pgd_leaves() -> None:
    page = " ".join((ROOT / "docs" / "trust.md").read_text("utf-8").split())
    rows = json.loads((ROOT / "results" / "benchmarks" / "standing.json").read_text("utf-8"))["rows"]
    looked = [row for row in rows if row["tried"] == 24 and not row["alarms"]]
    hide, others = (
        sorted(row["fooled by 5000"] for row in looked if (row["recipe"] == "wang2018-table2") is table2)
        for table2 in (True, False)
    )
    few, many = ([fooled for fooled in others if (fooled <= 3) is few] for few in (True, False))
    assert len(hide) == 6 and f"5,000 squares fool {hide[0]} to {hide[-1]} on six of Table 2's networks" in page
    assert f"and {few[-1]} at most on {len(few)} of {len(others)} others" in page
    assert f"of ANP-VS after few epochs, they fool {many[0]} to {many[-1]}:" in page
    assert {row["recipe"] for row in looked if row["fooled by 5000"] > 3} == {
        "wang2018-table2", "anpvs-budget", "anpvs-mnist"
    }  # fmt: skip


def test_the_page_on_trust_says_what_many_squares_fool_of_what_the_cheap_tier_leaves() -> None:
    page = " ".join((ROOT / "docs" / "trust.md").read_text("utf-8").split())
    rows = json.loads((ROOT / "results" / "benchmarks" / "patience.json").read_text("utf-8"))["rows"]
    hide = [row for row in rows if row["recipe"] == "wang2018-table2" and row["row"].startswith("pgd")]
    others = [row for row in rows if row["recipe"] != "wang2018-table2"]
    few, many, elsewhere = (
        [row[f"fooled by {queries}"] for row in of] for of, queries in ((hide, 200), (hide, 5000), (others, 5000))
    )
    assert max(row["tried"] for row in rows) == 32 and len({row["recipe"] for row in others}) == 5
    assert f"200 squares fool {max(few)} at most, and 5,000 fool {min(many)} to {max(many)}. On" in page
    assert f"On {len(others)} networks of five other recipes 5,000 fool {max(elsewhere)} at most" in page
