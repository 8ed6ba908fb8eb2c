"""The house has floors: a package imports only from below, at the top of a file, inside functions and at run time."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import blackthorn

SOURCE = Path(blackthorn.__file__).parent
FLOORS = [
    {"types", "errors", "values", "stopping"},
    {"files", "resources"},
    {"seal"},
    {"results"},
    {"claims"},
    {"speed"},
    {"data"},
    {"models"},
    {"channels"},
    {"gates"},
    {"bounds"},
    {"attacks"},
    {"objectives"},
    {"training"},
    {"pruning"},
    {"measuring"},
    {"deploy"},
    {"stages"},
    {"recipes"},
    {"running"},
    {"report"},
    {"experiment"},
    {"shipping"},
    {"auditing", "compressing", "exporting"},
    {"cli"},
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
WITHOUT_TORCH = {"errors", "values", "files", "resources", "seal", "results", "claims", "report"}
"""What a page needs: it can be written, and a results file read, without loading torch."""
HEAVY = {"datasets", "sklearn", "altair", "vl_convert", "PIL", "pandas", "pyarrow", "scipy", "jinja2"}
"""Slow to import and needed by few: imported inside the functions that need them."""
FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")
LONGEST = 300
"""Lines of a file; a longer one holds two ideas."""


def home(path: Path) -> str:
    """The package (or top module) that a file belongs to."""
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imported(path: Path, tree: ast.AST) -> Iterator[tuple[str, ...]]:
    """Every module of this project that the file imports, as parts: ("results", "grid")."""
    package = ("blackthorn", *path.relative_to(SOURCE).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split("."))[1:] for alias in node.names if alias.name.startswith("blackthorn"))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            if module[:1] == ("blackthorn",):
                yield from ((*module[1:], alias.name) for alias in node.names)


def file_of(target: tuple[str, ...]) -> Path | None:
    """The file that an import leads to; an imported name leads to the file that it is imported from."""
    for parts in (target, target[:-1]):
        place = SOURCE.joinpath(*parts)
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if parts and file.is_file():
                return file
    return None


def test_every_package_has_its_floor() -> None:
    assert {home(path) for path in FILES} - {"__main__"} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_imports_only_from_its_own_floor_and_below(path: Path) -> None:
    mine = home(path)
    if mine == "__main__":
        return
    for target in imported(path, ast.parse(path.read_text())):
        if target[0] in FLOOR and target[0] != mine:
            assert FLOOR[target[0]] < FLOOR[mine], f"{mine} imports {'.'.join(target)}, which lies above it"


def test_files_do_not_import_each_other_in_a_circle() -> None:
    """Types that are imported for the type checker only count too: who knows whom has one direction."""
    imports = {
        path: {file for target in imported(path, ast.parse(path.read_text())) if (file := file_of(target))} - {path}
        for path in FILES
        if path.name != "__init__.py"  # a package's face hands on what its files define
    }
    inside = {path: {file for file in files if file in imports} for path, files in imports.items()}
    try:
        tuple(TopologicalSorter(inside).static_order())
    except CycleError as problem:
        pytest.fail(" -> ".join(str(file.relative_to(SOURCE)) for file in problem.args[1]))


LOADING = """
import importlib, json, os, sys

def look(package):
    read, write = os.pipe()
    if not (child := os.fork()):
        importlib.import_module("blackthorn." + package)
        found = sorted({name.split(".")[1] for name in sys.modules if name.startswith("blackthorn.")})
        os.write(write, json.dumps([found, "torch" in sys.modules]).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, package
    os.close(write)
    with open(read) as text:
        return json.load(text)

first, others = json.loads(sys.argv[1])
found = {package: look(package) for package in first}
import torch
print(json.dumps(found | {package: look(package) for package in others}))
"""
"""Each package in a process of its own, which torch was loaded into beforehand if the package may need it."""


@pytest.fixture(scope="module")
def loading() -> dict[str, tuple[list[str], bool]]:
    """Package -> the packages that loading it loads, and whether torch is among them."""
    asked = json.dumps([sorted(WITHOUT_TORCH), sorted(set(FLOOR) - WITHOUT_TORCH)])
    said = subprocess.run([sys.executable, "-c", LOADING, asked], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    found: dict[str, tuple[list[str], bool]] = json.loads(said.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("package", [name for floor in FLOORS for name in sorted(floor)])
def test_loading_a_package_loads_nothing_above_it(package: str, loading: dict[str, tuple[list[str], bool]]) -> None:
    loaded, torch = loading[package]
    assert package in loaded
    assert not {name for name in loaded if name in FLOOR and FLOOR[name] > FLOOR[package]}
    assert not (torch and package in WITHOUT_TORCH)


def test_the_report_reads_results_and_claims_only() -> None:
    """It runs no network and no recipe."""
    allowed = {"types", "errors", "values", "files", "seal", "results", "claims", "report"}
    for path in FILES:
        if home(path) == "report":
            for target in imported(path, ast.parse(path.read_text())):
                assert target[0] in allowed or target[0] not in FLOOR, f"{path.name} imports {'.'.join(target)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_holds_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_what_is_heavy_is_imported_where_it_is_used(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        assert not {name.split(".")[0] for name in names} & HEAVY, names


@pytest.mark.parametrize("path", [*FILES, SOURCE / "__init__.py"], ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_is_unpickled(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {"pickle", "cloudpickle", "dill", "joblib", "shelve"} & set(names), names
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            options = {option.arg: ast.unparse(option.value) for option in node.keywords}
            assert options.get("weights_only") == "True"
