"""`blackthorn store`: what is in a store, what is removed from it, and what never is."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from ..recipes.conftest import laid_out
from ..recipes.tiny import read, tiny, write
from .conftest import Cli, refusal
from .test_faults import ENDLESS, finish, start, until


def stages(store: Path) -> set[str]:
    return {folder.name for folder in (store / "stages").iterdir()}


def rows(out: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in out.splitlines()]


@pytest.fixture
def two(cli: Cli, store: Path, tmp_path: Path) -> Path:
    """A store of two recipes: the second has a measure more, which needs one more attack on each of two networks."""
    write(tmp_path, tiny(), "one.yaml")
    recipe = tiny()
    recipe["measures"]["harder"] = {"kind": "accuracy", "attack": {"kind": "fgsm", "eps": 0.2}}
    write(tmp_path, recipe, "two.yaml")
    for name in ("one.yaml", "two.yaml"):
        assert cli("run", name, "--store", str(store), "--jobs", "1").code == 0
    return store


def test_recipes_and_stages_are_listed_with_what_they_share(cli: Cli, two: Path) -> None:
    said = cli("store", "--store", str(two))
    listed = {row[0]: row for row in rows(said.out) if row}
    own = sum(sum(file.stat().st_size for file in folder.iterdir()) for folder in _only_in_two(two))
    assert listed["one-full"][1] == "9 of 9" and listed["one-full"][3] == "0 bytes"
    assert listed["two-full"][1] == "11 of 11" and listed["two-full"][3] == f"{own / 1000:.1f} kB"
    assert listed["two-full"][5].startswith("blackthorn run two.yaml")
    assert [listed[kind][1] for kind in ("train", "prune", "accuracy", "all")] == ["2", "1", "8", "11"]


def _only_in_two(store: Path) -> list[Path]:
    one, two = (set(json.loads((store / "recipes" / f"{name}.json").read_text())["stages"]) for name in NAMES)
    assert one < two and len(two - one) == 2
    return [store / "stages" / name for name in two - one]


NAMES = ("one-full", "two-full")


def test_stages_are_listed_one_by_one_with_the_recipes_that_need_them(cli: Cli, two: Path) -> None:
    listed = rows(cli("store", "--store", str(two), "--stages").out)
    labels = [row[3] for row in listed if row[0].startswith("accuracy-")]
    assert sum(label.endswith("harder") for label in labels) == 2
    needed = {row[4] for row in listed if row[0].startswith(("accuracy-", "train-"))}
    assert needed == {"two-full", "two-full, one-full"} or needed == {"two-full", "one-full, two-full"}


def test_what_is_needed_by_some_recipe_is_not_removed(cli: Cli, two: Path) -> None:
    before = stages(two)
    said = cli("store", "--store", str(two), "--prune", "--yes")
    assert (said.code, said.out) == (0, "Nothing to remove: every stage is needed.\n")
    assert stages(two) == before


def test_what_only_a_changed_recipe_needed_is_removed(cli: Cli, two: Path, tmp_path: Path) -> None:
    unwanted = {folder.name for folder in _only_in_two(two)}
    write(tmp_path, tiny(), "two.yaml")
    cli("run", "two.yaml", "--store", str(two))
    before = stages(two)
    assert "2 stages" in cli("store", "--store", str(two)).out
    said = cli("store", "--store", str(two), "--prune", "--yes")
    assert said.out.splitlines()[-1].startswith("Removed 2 folders of stages, ")
    assert all(name in said.out for name in unwanted)
    assert stages(two) == before - unwanted


def test_of_recipes_that_are_not_kept_all_is_removed_that_no_other_needs(cli: Cli, two: Path, tmp_path: Path) -> None:
    unwanted, before = {folder.name for folder in _only_in_two(two)}, stages(two)
    said = cli("store", "--store", str(two), "--prune", "--keep", "one-full", "--yes")
    assert "two-full is forgotten; its report stays." in said.out
    assert stages(two) == before - unwanted
    assert (two / "reports" / "two-full" / "index.html").exists()
    assert "two-full" not in cli("store", "--store", str(two)).out
    assert cli("store", "--store", str(two), "--prune", "--yes").out == "Nothing to remove: every stage is needed.\n"
    cli("run", "two.yaml", "--store", str(two))
    assert stages(two) == before


def test_nothing_is_removed_before_a_person_agrees(cli: Cli, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stages(two)
    said = cli("store", "--store", str(two), "--prune", "--keep", "one-full")
    assert said.code == 2 and said.err.endswith("nothing is removed without being asked for; add --yes\n")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    for answer in ("n", "", "nonsense"):
        monkeypatch.setattr("builtins.input", lambda *_, said=answer: said)
        assert cli("store", "--store", str(two), "--prune", "--keep", "one-full").out.endswith("Nothing was removed.\n")
    assert stages(two) == before
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    cli("store", "--store", str(two), "--prune", "--keep", "one-full")
    assert len(stages(two)) == len(before) - 2


def test_a_report_of_which_nothing_is_known_keeps_everything(cli: Cli, two: Path) -> None:
    (two / "recipes" / "two-full.json").unlink()  # as in a store of an older version
    assert "It is not known what reports/two-full needs" in cli("store", "--store", str(two)).out
    line = refusal(cli("store", "--store", str(two), "--prune", "--yes"))
    assert "reports/two-full" in line and "draw it again" in line
    assert cli("report", "two.yaml", "--store", str(two)).code == 0
    assert cli("store", "--store", str(two), "--prune", "--yes").out.startswith("Nothing to remove")


def test_an_interrupted_attempt_that_nobody_needs_is_removed(cli: Cli, two: Path) -> None:
    folder = two / "stages" / "train-0123456789ab.partial"
    folder.mkdir()
    (folder / "checkpoint.pt").write_bytes(b"12345")
    assert "1 stages were interrupted" in cli("store", "--store", str(two)).out
    cli("store", "--store", str(two), "--prune", "--yes")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--prune", "--keep", "tow-full"], "did you mean 'two-full'?"),
        (["--keep", "two-full"], "--keep: says how to remove things; add --prune"),
        (["--yes"], "--yes: says how to remove things; add --prune"),
        (["--prune", "--verify"], "write one of them at a time"),
    ],
)
def test_what_cannot_be_meant_is_refused(cli: Cli, two: Path, words: list[str], what: str) -> None:
    assert what in refusal(cli("store", "--store", str(two), *words))


def test_a_damaged_note_is_named(cli: Cli, two: Path) -> None:
    for content in ("", "[]", '{"command": "x", "stages": 3}', "[" * 100_000):
        (two / "recipes" / "two-full.json").write_text(content)
        assert "two-full.json: cannot be read" in refusal(cli("store", "--store", str(two)))


@pytest.mark.slow
def test_a_stage_in_work_and_what_its_recipe_needs_is_never_removed(cli: Cli, two: Path, tmp_path: Path) -> None:
    """A recipe is run that shares its first network with no other, and is stopped where it may have let go of it."""
    recipe = tiny()
    recipe["networks"]["long"] = {"of": "dense", "steps": [ENDLESS]}
    file = write(tmp_path, recipe, "long.yaml")
    key = next(one.name for one in laid_out(read(tmp_path, recipe)).stages if one.label.endswith("100000 epochs"))
    process = start(tmp_path, "run", file.name, "--store", str(two), "--jobs", "1")
    try:
        until(lambda: list(two.glob(f"stages/{key}*/checkpoint.pt")))
        said = cli("store", "--store", str(two), "--prune", "--keep", "one-full", "--yes")
        assert "long-full stays: it is being run." in said.out
        assert "1 stages are in work." in cli("store", "--store", str(two)).out
        assert list(two.glob(f"stages/{key}*/checkpoint.pt"))
    finally:
        process.send_signal(signal.SIGTERM)
        finish(process)
    cli("store", "--store", str(two), "--prune", "--keep", "one-full", "--yes")
    assert not list(two.glob(f"stages/{key}*"))
    assert cli("run", "one.yaml", "--store", str(two)).err.startswith("9 of 9 stages are done already")


def test_ages_are_those_of_the_files(cli: Cli, two: Path) -> None:
    for folder in two.glob("stages/train-*"):
        for file in folder.iterdir():
            os.utime(file, (time.time() - 3 * 86400 - 60,) * 2)
    shutil.rmtree(next(two.glob("stages/prune-*")))
    listed = {row[0]: row for row in rows(cli("store", "--store", str(two)).out) if row}
    assert listed["train"][3:] == ["3 d", "3 d"]
    assert listed["one-full"][1] == "8 of 9"
