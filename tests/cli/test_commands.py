"""Commands that do what they say: run, report, show, list, schema, help."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ..recipes.tiny import tiny, write
from .conftest import Cli
from .test_faults import ENVIRONMENT, PROGRAM, command

COMMANDS = ["run", "report", "show", "list", "store", "schema"]
HELPED = [*(f"{name} --help" for name in COMMANDS), "--help", "-h", "--version"]

NET = """
from torch import nn

def net(num_classes, in_channels, width=8):
    body = [nn.Conv2d(in_channels, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(4 * width, num_classes))
"""


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("words", HELPED)
def test_help_answers_at_once_and_loads_nothing_heavy(tmp_path: Path, words: str) -> None:
    program = (
        "import atexit, sys, time; from blackthorn.__main__ import main; sys.argv[0] = 'blackthorn'\n"
        "heavy = {'torch', 'numpy', 'datasets', 'scipy', 'sklearn', 'vl_convert'}\n"
        "atexit.register(lambda: print(time.process_time(), sorted(heavy & sys.modules.keys()), file=sys.stderr))\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words.split()], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True
    )
    seconds, _, heavy = done.stderr.strip().partition(" ")
    assert done.returncode == 0
    assert done.stdout
    assert heavy == "[]"
    assert float(seconds) < 0.5  # of the processor, which others may share


@pytest.mark.slow
def test_a_run_writes_its_report_and_says_where(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    said = cli("run", "r.yaml", "--preset", "smoke", "--store", "store")
    report = tmp_path / "store" / "reports" / "r-smoke"
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines()[-1] == "Report: store/reports/r-smoke/index.html"
    assert {"index.html", "results.csv", "statements.csv", "figures", "recipe.yaml"} <= {
        path.name for path in report.iterdir()
    }
    numbers = table(report / "results.csv")
    assert list(numbers[0]) == ["row", "metric", "value", "low", "high", "seeds", "published"]
    assert [(line["row"], line["metric"]) for line in numbers] == [
        (row, metric) for row in ("dense", "weight 50%") for metric in ("natural", "fgsm 0.1", "pgd")
    ]
    assert table(report / "statements.csv")[0]["statement"] == "Pruning costs nothing"


@pytest.mark.slow
def test_a_second_run_says_that_all_is_done_and_changes_nothing(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny())
    before = {path: path.stat().st_mtime_ns for path in store.glob("stages/*/*")}
    said = cli("run", "r.yaml", "--store", "store")
    assert said.err.splitlines()[0] == "9 of 9 stages are done already"
    assert {path: path.stat().st_mtime_ns for path in store.glob("stages/*/*")} == before


def test_a_report_of_a_half_finished_store_says_what_is_missing(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny())
    for folder in store.glob("stages/accuracy-*"):
        if "weight" in json.loads((folder / "stage.json").read_text())["label"]:
            shutil.rmtree(folder)
    said = cli("report", "r.yaml", "--store", "store")
    page = (store / "reports" / "r-full" / "index.html").read_text()
    assert said.code == 0
    assert "weight 50%, natural, seed 0: not run yet" in page
    assert [line["row"] for line in table(store / "reports/r-full/results.csv")] == ["dense"] * 3
    assert table(store / "reports/r-full/statements.csv")[0]["holds"] == "unknown"


SELECT = {"rule": {"kind": "no_loss", "nat_tol": 100}, "from": "weight *", "than": "dense"}


def test_a_selection_is_made_from_what_is_stored_already(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny("select", to={"small": SELECT}))
    before = {path: path.stat().st_mtime_ns for path in store.glob("stages/*/*")}
    assert cli("report", "r.yaml", "--store", "store").code == 0
    (line,) = table(store / "reports/r-full/selected.csv")
    assert (line["selection"], line["outcome"], line["row"], line["rate"]) == ("small", "picked", "weight 50%", "50")
    assert {path: path.stat().st_mtime_ns for path in store.glob("stages/*/*")} == before


@pytest.mark.slow
def test_a_selection_from_a_half_finished_store_says_what_is_missing(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny("select", to={"small": SELECT}))
    for folder in store.glob("stages/accuracy-*"):
        if json.loads((folder / "stage.json").read_text())["label"].endswith("weight 50% · natural"):
            shutil.rmtree(folder)
    assert cli("report", "r.yaml", "--store", "store").code == 0
    (line,) = table(store / "reports/r-full/selected.csv")
    assert (line["outcome"], line["note"]) == ("unknown", "not measured yet: weight 50%, natural")
    assert "cannot be told yet" in (store / "reports/r-full/index.html").read_text()


def test_a_failing_network_leaves_a_report_of_the_others_and_exit_code_2(cli: Cli, tmp_path: Path) -> None:
    recipe = tiny()
    blows_up = {"kind": "train", "epochs": 2, "batch_size": 32, "optimizer": {"kind": "sgd", "lr": "1e30"}}
    recipe["networks"]["fast"] = {"steps": [blows_up]}
    write(tmp_path, recipe)
    said = cli("run", "r.yaml", "--store", "store")
    last = said.err.splitlines()[-1]
    assert said.code == 2
    assert last.startswith("blackthorn: seed 0 · fast · train 2 epochs: the loss is")
    assert last.endswith("the report of the rest is store/reports/r-full/index.html")
    rows = {line["row"] for line in table(tmp_path / "store/reports/r-full/results.csv")}
    assert rows == {"dense", "weight 50%"}
    assert "fast, natural, seed 0" in (tmp_path / "store/reports/r-full/index.html").read_text()


def test_show_prints_a_recipe_with_every_default(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    shown = yaml.safe_load(cli("show", "r.yaml", "--preset", "smoke", "--set", "title=Other").out)
    assert (shown["title"], shown["data"]["train"]) == ("Other", 60)
    assert shown["networks"]["dense"]["steps"][0]["optimizer"]["lr"] == 0.001
    assert "presets" not in shown


def test_what_show_prints_can_be_shown_again(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    first = cli("show", "r.yaml").out
    write(tmp_path, first, "again.yaml")
    assert cli("show", "again.yaml").out == first


@pytest.mark.parametrize("words", [["list"], ["schema"], ["show", "quickstart"]])
def test_words_that_are_asked_for_go_to_standard_output(cli: Cli, words: list[str]) -> None:
    said = cli(*words)
    assert (said.code, said.err) == (0, "")
    assert said.out


def test_the_schema_is_json(cli: Cli) -> None:
    assert json.loads(cli("schema").out)["$schema"].startswith("https://json-schema.org/")


@pytest.mark.slow
def test_a_reader_that_stops_listening_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f'"{sys.executable}" -c "{PROGRAM}" schema | head -c 10',
        shell=True,
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert (len(done.stdout), done.stderr) == (10, "")


def own_network(folder: Path, words: list[str], run: Callable[..., tuple[int, str]]) -> None:
    write(folder, tiny())
    (folder / "my_nets").mkdir()
    (folder / "my_nets" / "small.py").write_text(NET)
    sys.modules.pop("my_nets", None)  # of another test
    code, err = run(folder, "run", "r.yaml", "--model", "my_nets.small:net", "--store", "store", *words)
    assert code == 0, err
    before = {path.name for path in folder.glob("store/stages/*")}
    assert len(before) == 9
    assert len(table(folder / "store/reports/last/results.csv")) == 6


@pytest.mark.slow
def test_a_network_of_ones_own_runs_from_the_current_folder(cli: Cli, tmp_path: Path) -> None:
    def run(folder: Path, *words: str) -> tuple[int, str]:
        said = cli(*words)
        return said.code, said.err

    own_network(tmp_path, [], run)


@pytest.mark.long
def test_a_network_of_ones_own_runs_in_two_jobs_and_anew_when_its_file_is_edited(tmp_path: Path) -> None:
    def run(folder: Path, *words: str) -> tuple[int, str]:
        # As an installed command: without the current folder on the import path (-P).
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM, *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True
        )
        return done.returncode, done.stderr

    own_network(tmp_path, ["--jobs", "2"], run)
    before = {path.name for path in tmp_path.glob("store/stages/*")}
    (tmp_path / "my_nets" / "small.py").write_text(NET.replace("width=8", "width=4"))
    code, err = run(tmp_path, "run", "r.yaml", "--model", "my_nets.small:net", "--store", "store")
    assert code == 0, err
    assert len({path.name for path in tmp_path.glob("store/stages/*")} - before) == 9


@pytest.mark.long
def test_a_run_in_a_process_of_its_own_says_only_what_it_should(tmp_path: Path) -> None:
    write(tmp_path, tiny())
    code, err = command(tmp_path, "run", "r.yaml", "--store", "store")
    lines = err.splitlines()
    assert code == 0
    assert all(line.startswith("[  ") for line in lines[:9]), err
    assert lines[9].startswith("% right") and len(lines) == 14
    assert lines[-1] == "Report: store/reports/r-full/index.html"


def titled(folder: Path, name: str, title: str) -> str:
    folder.mkdir(exist_ok=True)
    write(folder, tiny("title", to=title), name)
    return str(folder / name)


@pytest.mark.slow
def test_reports_of_different_questions_have_different_folders(cli: Cli, tmp_path: Path, store: Path) -> None:
    asked = [
        ([titled(tmp_path / "A", "r.yaml", "one")], "r-full"),
        ([titled(tmp_path / "B", "r.yaml", "two")], "r-full-B"),
        ([titled(tmp_path / "A", "r.yaml", "one"), "--seeds", "0,1"], "r-full-seeds-0-1-"),
        ([titled(tmp_path / "A", "r.yaml", "one"), "--set", "data.train=60"], "r-full-train-60-"),
        ([titled(tmp_path / "A", "r.yaml", "one"), "--set", "data.train=61"], "r-full-train-61-"),
        ([titled(tmp_path / "A", "r-smoke.yaml", "three")], "r-smoke-full"),
        ([titled(tmp_path / "A", "r.yaml", "one"), "--preset", "smoke"], "r-smoke"),
    ]
    found = []
    for _ in range(2):  # again, and nothing moves
        for words, name in asked:
            said = cli("report", *words, "--store", "store")
            page = Path(said.err.splitlines()[-1].removeprefix("Report: "))
            assert page.parent.name.startswith(name), said
            assert (store / "reports/last/index.html").resolve() == page.resolve()
            found.append(page)
    assert len(set(found)) == len(asked) and found[: len(asked)] == found[len(asked) :]


def test_a_recipe_that_was_moved_keeps_its_report(cli: Cli, tmp_path: Path, store: Path) -> None:
    assert cli("report", titled(tmp_path / "A", "r.yaml", "one"), "--store", "store").code == 0
    (tmp_path / "A").rename(tmp_path / "B")
    assert "reports/r-full/index.html" in cli("report", "B/r.yaml", "--store", "store").err
