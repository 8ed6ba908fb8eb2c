"""The documents say what is true: their code runs, their recipes are read, their links and commands exist."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import blackthorn
from blackthorn.cli import app
from blackthorn.cli.commands import schema_command
from blackthorn.recipes import read_recipe
from blackthorn.recipes.reading import published

pytestmark = pytest.mark.timeout(400)  # examples train, in processes of their own

ROOT = Path(__file__).parents[1]
PAGES = sorted(page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("results/**/*.md")])


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `path` is the file that its first line names, if it names one."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def path(self) -> str | None:
        named = re.fullmatch(r"(?:# |\{# )((?:src|tests)/\S+)(?: #\})?", self.text.partition("\n")[0])
        return named[1] if named else None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text()
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            yield Block(page, text[: found.start()].count("\n") + 1, found[1], found[2])


ALL = list(blocks())
PYTHON = [block for block in ALL if block.language == "python" and block.path is None]
RECIPES = [block for block in ALL if block.language == "yaml" and block.path is None]


@pytest.mark.slow
@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_every_python_block_runs_by_itself(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, str(block), "exec"), {"__name__": "example"})


@pytest.mark.parametrize("block", RECIPES, ids=str)
def test_every_recipe_is_read_and_so_are_its_presets(block: Block, tmp_path: Path) -> None:
    """A part of a recipe changes the first whole one of its page, which it is about."""
    part = yaml.safe_load(block.text)
    if "title" not in part:
        whole = next(one for one in RECIPES if one.page == block.page and "title:" in one.text)
        part = {**yaml.safe_load(whole.text), **part}
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(part, sort_keys=False))
    for preset in ["full", *part.get("presets", {})]:
        read_recipe(str(file), preset=preset)


def test_every_relative_link_leads_somewhere() -> None:
    dead = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if "://" in target or target.startswith("mailto:"):
                continue
            file, _, anchor = target.partition("#")
            place = page.parent / file if file else page
            if not place.exists():
                dead.append(f"{page.name}: {target}")
            elif anchor and anchor not in {_anchor(title) for title in _titles(place)}:
                dead.append(f"{page.name}: {target}: no such heading")
    assert not dead


def _titles(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def commands() -> Iterator[tuple[str, str]]:
    """Every `blackthorn ...` in a shell block or in running text, without what precedes and follows it in its line."""
    for page in PAGES:
        text = page.read_text()
        lines = [
            line for block in ALL if block.page == page and block.language == "bash" for line in block.text.splitlines()
        ]
        lines += re.findall(r"`(blackthorn[^`\n]*)`", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))
        for line in lines:
            for part in re.split(r"&&|;|\||>", line.partition(" #")[0]):
                if part.strip().startswith("blackthorn "):
                    yield page.name, part.strip()


@pytest.mark.parametrize(("page", "command"), sorted(set(commands())))
def test_every_command_exists_with_its_options(page: str, command: str) -> None:
    words = shlex.split(command)[1:]
    if len(words) == 1 and words[0] in ("run", "show", "report"):
        words.append("RECIPE")  # the command by itself, named in a sentence
    if words == ["--help"] or words == ["--version"]:
        return
    # A name in capitals stands for anything.
    app.parse_args(
        [word if word != "RECIPE" else "quickstart" for word in words], exit_on_error=False, print_error=False
    )
    recipe = words[1] if words[0] in ("run", "show", "report") else "quickstart"
    assert recipe == "RECIPE" or recipe.endswith(".yaml") or recipe in published()


def test_the_package_has_every_name_that_the_text_gives_it() -> None:
    for page in PAGES:
        for name in re.findall(r"`(?:bt|blackthorn)\.([a-z_]+(?:\.\w+)*)", page.read_text()):
            found: Any = blackthorn
            for part in name.split("."):
                found = getattr(found, part)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its contract tests, with the additions of the extending page."""
    folder = tmp_path_factory.mktemp("extended")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for block in ALL:
        if block.page.name == "extending.md" and block.path is not None:
            (folder / block.path).write_text(block.text.partition("\n")[2])
        elif block.page.name == "extending.md" and block.language == "diff":
            _apply(block.text, folder)
    return folder


ASKED = (
    "FGM or RandomWeights or Smoothed or Calibrat or Quantize or tiny_cnn or every_exported or every_network "
    "or every_kind or every_package or public_names"
)


@pytest.mark.slow
def test_the_additions_of_the_extending_page_pass_the_contract_tests(extended: Path) -> None:
    ran = _python(extended, "-m", "pytest", "tests/contracts", "-n0", "-k", ASKED)
    assert ran.returncode == 0, ran.stdout
    assert int(re.findall(r"(\d+) passed", ran.stdout)[-1]) > 80


@pytest.mark.slow
def test_the_additions_of_the_extending_page_pass_their_own_tests_and_keep_to_the_floors(extended: Path) -> None:
    ran = _python(
        extended, "-m", "pytest", "tests/measuring/test_calibration.py", "tests/test_layers.py", "-n0", "-k",
        "calibration or circle or floor or reads_results or holds_one_idea",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout


def test_the_extending_page_edits_nothing_but_exports() -> None:
    lists = {"objectives/clean.py", "data/load.py", "models/building.py"}
    page = (ROOT / "docs" / "extending.md").read_text()
    edited = set(re.findall(r"^--- src/blackthorn/(\S+)$", page, re.MULTILINE))
    assert len(edited) > 10 and not {name for name in edited - lists if not name.endswith("__init__.py")}


@pytest.fixture(scope="module")
def baselines(extended: Path) -> Path:
    """The report of the recipe of the extending page, in its copy of the package."""
    program = "from blackthorn.cli import main; main()"
    ran = _python(extended, "-c", program, "run", "baselines", "--preset", "smoke", "--store", "runs")
    assert ran.returncode == 0, ran.stderr
    return extended / "runs" / "reports" / "baselines-smoke"


@pytest.mark.slow
def test_the_additions_of_the_extending_page_run_in_a_recipe(baselines: Path) -> None:
    assert len(_lines(baselines / "results.csv")) == 4 * 2


@pytest.mark.slow
def test_the_measure_of_the_extending_page_has_its_part_of_the_page(baselines: Path) -> None:
    page = (baselines / "index.html").read_text()
    assert '<li><a href="#calibration">Calibration</a></li>' in page
    part = page.partition('<section id="calibration"')[2].partition("</section>")[0]
    assert 'data-figure="calibration"' in part and 'href="calibration.csv"' in part
    assert all(f'<span class="name" title="{row}">' in part for row in ("dense", "fgm dense", "random 50%", "4 bits"))
    assert (baselines / "figures" / "calibration.png").read_bytes().startswith(b"\x89PNG")
    assert "Accuracy against confidence" in (baselines / "figures" / "calibration.svg").read_text()


@pytest.mark.slow
def test_the_numbers_of_the_measure_of_the_extending_page_follow_from_its_bins(baselines: Path) -> None:
    records = [
        json.loads(line)
        for file in sorted(baselines.parents[1].glob("**/calibration-*/records.jsonl"))
        for line in file.read_text().splitlines()
    ]
    lines = _lines(baselines / "calibration.csv")
    assert [line["row"] for line in lines] == ["dense", "fgm dense", "random 50%", "4 bits"] and len(records) == 4
    errors = [
        sum(images * abs(accuracy - confidence) for images, confidence, accuracy in record["bins"]) / record["n"]
        for record in records
    ]
    assert sorted(line["error"] for line in lines) == sorted(f"{100 * error:.2f}" for error in errors)
    natural = {line["row"]: line["value"] for line in _lines(baselines / "results.csv") if line["metric"] == "natural"}
    assert {line["row"]: line["accuracy"] for line in lines} == natural
    assert all(float(line["low"]) <= float(line["error"]) <= float(line["high"]) for line in lines)


@pytest.mark.slow
def test_the_statement_of_the_extending_page_is_judged_by_the_interval(baselines: Path) -> None:
    verdict = next(line for line in _lines(baselines / "statements.csv") if "Confidence" in line["statement"])
    dense = next(line for line in _lines(baselines / "calibration.csv") if line["row"] == "dense")
    expected = "yes" if float(dense["high"]) <= 10 else "no" if float(dense["low"]) > 10 else "unknown"
    assert verdict["holds"] == expected
    assert verdict["evidence"] == f"dense, calibration: {dense['error']} % [{dense['low']}, {dense['high']}]"


def _lines(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def _python(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: held for name, held in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(folder / "src"), "BLACKTHORN_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )


def _apply(diff: str, folder: Path) -> None:
    for change in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        name, _, rest = change.partition("\n")
        text = (folder / name).read_text()
        for hunk in re.split(r"^@@.*\n", rest, flags=re.MULTILINE):
            lines = [line or " " for line in hunk.rstrip("\n").split("\n")]
            before = "\n".join(line[1:] for line in lines if line[0] in " -")
            after = "\n".join(line[1:] for line in lines if line[0] in " +")
            assert text.count(before) == 1, f"{name} holds this {text.count(before)} times:\n{before}"
            text = text.replace(before, after)
        (folder / name).write_text(text)


def example_files() -> list[Path]:
    return sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("file", example_files(), ids=lambda file: file.name)
def test_every_example_runs(file: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(file)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


def test_the_recipe_page_names_every_key_that_a_recipe_can_have() -> None:
    schema = yaml.safe_load(schema_command())
    keys = {key for made in [schema, *schema["$defs"].values()] for key in made["properties"]}
    page = (ROOT / "docs" / "recipes.md").read_text()
    assert not {key for key in keys - {"kind"} if not re.search(rf"(`|\b){key}(`|:|,)", page)}


def test_ci_installs_and_tests_as_the_readme_says() -> None:
    readme, script = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    for command in ('pip install -e ".[dev]" -c constraints.txt', "python -m pytest"):
        assert command in readme
        assert command.replace("pip install", "pip install -q") in script
