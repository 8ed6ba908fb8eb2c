"""What commands print for people and for programs: results, JSON, nothing, everything, a look ahead, a log."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from blackthorn.cli import app

from ..recipes.tiny import tiny, write
from .conftest import Cli, refusal

EVERYTHING = ("run", "r.yaml", "--store", "store")


def test_the_heart_of_the_table_is_printed_before_the_path(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny())
    lines = cli(*EVERYTHING).err.splitlines()
    table = lines[lines.index(next(line for line in lines if line.startswith("% right"))) :]
    assert table[0].split() == ["%", "right", "natural", "fgsm", "0.1", "pgd"]
    assert [line.split()[0] for line in table[1:3]] == ["dense", "weight"]
    found = {cell["metric"]: cell for cell in json.loads(cli(*EVERYTHING, "--json").out)["results"][:3]}
    assert table[1].split()[1:] == [f"{100 * found[name]['value']:.2f}" for name in ("natural", "fgsm 0.1", "pgd")]
    assert table[-1] == "Report: store/reports/r-full/index.html"


@pytest.mark.parametrize("command", ["run", "report"])
def test_json_on_standard_output_has_every_number_with_its_interval(
    cli: Cli, tmp_path: Path, store: Path, command: str
) -> None:
    write(tmp_path, tiny())
    told = json.loads(cli(command, "r.yaml", "--store", "store", "--json", "--quiet").out)
    assert [(line["row"], line["metric"]) for line in told["results"]] == [
        (row, metric) for row in ("dense", "weight 50%") for metric in ("natural", "fgsm 0.1", "pgd")
    ]
    assert all(0 <= line["low"] <= line["value"] <= line["high"] <= 1 and line["n"] == 40 for line in told["results"])
    assert told["statements"][0]["statement"] == "Pruning costs nothing"
    assert (told["missing"], told["report"]) == ([], "store/reports/r-full/index.html")


def test_show_prints_as_json_what_it_prints_as_yaml(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    assert json.loads(cli("show", "r.yaml", "--json").out) == yaml.safe_load(cli("show", "r.yaml").out)


def test_quiet_says_nothing_and_verbose_every_epoch(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    said = cli("run", "r.yaml", "--preset", "smoke", "--store", "loud", "--verbose", "--jobs", "1")
    assert "[  0/9] seed 0 · dense · train 2 epochs  started" in said.err.splitlines()
    assert sum("  epoch " in line and "loss " in line for line in said.err.splitlines()) == 3
    said = cli("run", "r.yaml", "--preset", "smoke", "--store", "still", "--quiet", "--jobs", "1")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert (tmp_path / "still/reports/r-smoke/index.html").exists()


def test_quiet_and_verbose_together_are_refused(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    assert "--quiet and --verbose" in refusal(cli(*EVERYTHING, "-q", "-v"))


def test_a_quiet_command_still_says_what_is_wrong(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny("data", "source", to="nowhere"))
    assert "nowhere" in refusal(cli(*EVERYTHING, "--quiet"))


def test_a_dry_run_says_what_would_be_trained_and_makes_nothing(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    said = cli("run", "r.yaml", "--dry-run")
    lines = said.out.splitlines()
    assert lines[0] == "9 stages, 0 of them done already; nothing was run"
    assert [line.split("  about")[0].strip() for line in lines[1:3]] == [
        "would be trained: seed 0 · dense · train 2 epochs",
        "would be trained: seed 0 · weight 50% · train 1 epoch",
    ]
    assert "1 prune, 6 accuracy" in lines[3]
    assert lines[4].startswith("about ") and lines[4].endswith("in one process on cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["r.yaml"]


def test_a_dry_run_knows_what_is_done_already(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny())
    gone = next(store.glob("stages/accuracy-*"))
    shutil.rmtree(gone)
    told = json.loads(cli(*EVERYTHING, "--dry-run", "--json").out)
    (left,) = [stage for stage in told["stages"] if not stage["done"]]
    assert f"{left['kind']}-{left['key']}" == gone.name
    assert left["seconds"] >= 0 and len(told["stages"]) == 9
    assert not gone.exists()
    shutil.rmtree(store / "stages")
    (store / "stages").mkdir()
    assert not any(stage["done"] for stage in json.loads(cli(*EVERYTHING, "--dry-run", "--json").out)["stages"])


def test_a_dry_run_refuses_what_a_run_refuses(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny("networks", "weight 50%", "steps", 0, "layers", to=["nosuch"]))
    assert "nosuch" in refusal(cli("run", "r.yaml", "--dry-run"))


def test_missing_results_are_named(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny())
    for folder in store.glob("stages/accuracy-*"):
        if "weight" in json.loads((folder / "stage.json").read_text())["label"]:
            shutil.rmtree(folder)
    said = cli("report", "r.yaml", "--store", "store")
    assert "3 results missing: weight 50%, natural, seed 0: not run yet; " in said.err


def test_an_empty_report_does_not_replace_a_full_one(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny())
    assert cli(*EVERYTHING).code == 0
    page = store / "reports/r-full/index.html"
    before = page.read_bytes()
    write(tmp_path, tiny("networks", "dense", "steps", 0, "epochs", to=3))  # nothing of this is in the store
    assert "6 results are missing" in (said := refusal(cli("report", "r.yaml", "--store", "store")))
    assert said.endswith("the report that is there stays: store/reports/r-full/index.html")
    assert page.read_bytes() == before


def test_a_log_beside_the_report_says_what_was_done_and_how_it_ended(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    cli("run", "r.yaml", "--preset", "smoke", "--store", "store", "--jobs", "1")
    cli("run", "r.yaml", "--preset", "smoke", "--store", "store", "--jobs", "1")
    log = [line[21:] for line in (tmp_path / "store/reports/r-smoke/run.log").read_text().splitlines()]
    assert log[0].startswith("blackthorn run r.yaml --preset smoke  (blackthorn ")
    assert log[1] == "seed 0 · dense · train 2 epochs  started"
    assert sum(line.endswith(" s") for line in log) == 9
    assert log[-3:] == ["done", log[0], "done"]


def test_a_report_that_would_be_the_same_is_left_alone(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny())
    cli(*EVERYTHING)
    report = store / "reports/r-full"
    before = {path: path.stat().st_mtime_ns for path in report.rglob("*") if path.suffix in (".png", ".svg", ".html")}
    cli(*EVERYTHING)
    assert len(before) > 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (report / "results.csv").write_text("spoilt")
    cli(*EVERYTHING)
    assert (report / "results.csv").read_text().startswith("row,metric")


@pytest.mark.slow
def test_every_stage_says_all_of_its_options_and_has_a_label_of_its_own(cli: Cli, tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["dense"]["steps"] *= 2  # two trainings of the same kind
    write(tmp_path, recipe)
    cli("run", "r.yaml", "--preset", "smoke", "--store", "store", "--jobs", "1", "--quiet")
    about = [json.loads(path.read_text()) for path in (tmp_path / "store").glob("stages/*/stage.json")]
    labels = [one["label"] for one in about]
    assert len(set(labels)) == len(labels) == 10
    assert {"seed 0 · dense · train 2 epochs", "seed 0 · dense · train 2 epochs (2)"} <= set(labels)
    (prune,) = [one for one in about if one["stage"]["kind"] == "prune"]
    assert prune["options"]["floor"] == 1 and prune["options"]["criterion"]["kind"] == "magnitude"
    (pgd,) = [one for one in about if one["label"] == "seed 0 · dense · pgd"]
    assert (pgd["options"]["batch_size"], pgd["options"]["attack"]["restarts"]) == (250, 1)


def test_no_color_is_respected(cli: Cli, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, tiny())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1m" in (coloured := cli(*EVERYTHING).err) and "\x1b[33m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[33m" not in cli(*EVERYTHING).err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_commands_and_options(shell: str) -> None:
    script = app.generate_completion(shell=shell)
    assert all(word in script for word in ("compare", "table", "dry-run"))
