"""A recipe is a text from anyone: what it names is run only when the person agreed, and never for a report."""

import sys
from pathlib import Path

import pytest

from ..recipes.tiny import tiny, write
from .conftest import Cli, refusal
from .test_commands import NET

SPY = "open('sprung', 'w').close()\n"


def strangers(folder: Path, kind: str) -> None:
    write(folder, tiny("model", to={"kind": kind}))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed module that leaves a trace when it is imported; so does one beside the recipe."""
    installed = tmp_path_factory.mktemp("installed")
    (installed / "far_nets.py").write_text(SPY + NET)
    (tmp_path / "near_nets.py").write_text(SPY + NET)
    monkeypatch.syspath_prepend(str(installed))
    for module in ("far_nets", "near_nets"):
        monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.mark.parametrize(
    "kind", ["os:system", "far_nets:net", "near_nets:os.system", "builtins:exec", " far_nets:net "]
)
@pytest.mark.parametrize("where", [("model",), ("networks", "dense", "model")])
def test_code_from_elsewhere_is_neither_imported_nor_called(
    cli: Cli, tmp_path: Path, kind: str, where: tuple[str, ...]
) -> None:
    write(tmp_path, tiny(*where, to={"kind": kind, "command": "touch sprung"}))
    line = refusal(cli("run", "r.yaml", "--store", "store"))
    assert f"r.yaml: {'.'.join(where)}: '{kind.strip()}' is code" in line
    assert f"--allow-code {kind.strip()}" in line
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("words", [["--allow-code", "far_nets:net"], ["--model", "far_nets:net"]])
def test_code_that_was_named_is_run(cli: Cli, tmp_path: Path, words: list[str]) -> None:
    strangers(tmp_path, "far_nets:net")
    said = cli("run", "r.yaml", "--store", "store", "--jobs", "1", *words)
    assert said.code == 0, said.err
    assert (tmp_path / "sprung").exists()


def test_code_beside_the_recipe_is_run_and_reports_import_nothing(cli: Cli, tmp_path: Path) -> None:
    strangers(tmp_path, "near_nets:net")
    assert cli("run", "r.yaml", "--store", "store", "--jobs", "1").code == 0
    before = (tmp_path / "store/reports/r-full/results.csv").read_bytes()
    (tmp_path / "sprung").unlink()
    del sys.modules["near_nets"]
    for words in (["report", "r.yaml", "--store", "store"], ["show", "r.yaml"], ["list"], ["schema"]):
        assert cli(*words).code == 0
    assert "near_nets" not in sys.modules and not (tmp_path / "sprung").exists()
    assert (tmp_path / "store/reports/r-full/results.csv").read_bytes() == before
    assert before.count(b"\n") == 7


def test_a_report_finds_a_factory_that_its_package_passes_on(cli: Cli, tmp_path: Path) -> None:
    package = tmp_path / "passing_nets"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import net\n")
    (package / "inner.py").write_text(NET)
    strangers(tmp_path, "passing_nets:net")
    assert cli("run", "r.yaml", "--store", "store", "--jobs", "1").code == 0
    before = (tmp_path / "store/reports/r-full/results.csv").read_bytes()
    for name in ("passing_nets", "passing_nets.inner"):
        del sys.modules[name]
    assert cli("report", "r.yaml", "--store", "store").code == 0
    assert "passing_nets" not in sys.modules
    assert (tmp_path / "store/reports/r-full/results.csv").read_bytes() == before


@pytest.mark.parametrize("command", ["report", "show"])
def test_a_strangers_recipe_can_be_looked_at(cli: Cli, tmp_path: Path, command: str) -> None:
    strangers(tmp_path, "far_nets:net")
    (tmp_path / "store" / "stages").mkdir(parents=True)
    assert cli(command, "r.yaml", *(["--store", "store"] if command == "report" else [])).code == 0
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("error", ["ConnectionError('no server')", "FileNotFoundError(2, 'gone', '/weights.bin')"])
def test_an_oserror_of_a_network_is_its_own_and_leaves_a_report_of_the_rest(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    monkeypatch.delitem(sys.modules, "bad_nets", raising=False)
    (tmp_path / "bad_nets.py").write_text(f"""
from torch import nn

class Bad(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x):
        if self.training:
            raise {error}
        return self.body(x)

def net(): return Bad()
""")
    recipe = tiny()
    recipe["networks"]["bad"] = {"model": "bad_nets:net", "steps": recipe["networks"]["dense"]["steps"]}
    write(tmp_path, recipe)
    said = cli("run", "r.yaml", "--store", "store", "--jobs", "1")
    last = said.err.splitlines()[-1]
    assert said.code == 2 and f"bad_nets:net raised {error.partition('(')[0]}" in last and "--store" not in last
    assert (tmp_path / "store/reports/r-full/results.csv").read_text().count("\n") == 7
