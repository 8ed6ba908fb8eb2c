"""The house has floors: a package imports only from below, at the top of a file and inside functions alike."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import blackthorn

SOURCE = Path(blackthorn.__file__).parent
FLOORS = [
    {"types", "errors", "values"},
    {"data"},
    {"models"},
    {"attacks"},
    {"objectives"},
    {"training"},
    {"pruning"},
    {"measuring"},
    {"deploy"},
    {"recipes"},
    {"report"},
    {"cli"},
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
HEAVY = {"datasets", "sklearn", "altair", "vl_convert", "PIL", "pandas", "pyarrow", "scipy", "jinja2"}
"""Slow to import and needed by few: imported inside the functions that need them."""
FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def home(path: Path) -> str:
    """The package (or top module) that a file belongs to."""
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imported(path: Path, tree: ast.AST) -> Iterator[tuple[str, ...]]:
    """Every module of this project that the file imports, as parts: ("recipes", "cells")."""
    package = ("blackthorn", *path.relative_to(SOURCE).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split("."))[1:] for alias in node.names if alias.name.startswith("blackthorn"))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            if module[:1] == ("blackthorn",):
                yield from ((*module[1:], alias.name) for alias in node.names)


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


def test_the_report_reads_records_only() -> None:
    """It runs no network and no recipe: it sees what was measured, what is claimed of it, and nothing else."""
    allowed = {"report", "results", "claims", "errors", "values", "types", "files"}
    for path in FILES:
        if home(path) == "report":
            for target in imported(path, ast.parse(path.read_text())):
                assert target[0] in allowed, f"{path.name} imports {'.'.join(target)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_what_is_heavy_is_imported_where_it_is_used(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        assert not {name.split(".")[0] for name in names} & HEAVY, names


@pytest.mark.parametrize("name", ["values", "errors"])
def test_what_the_command_line_needs_at_once_needs_no_torch(name: str) -> None:
    text = (SOURCE / f"{name}.py").read_text()
    assert "import torch" not in text and "from torch" not in text


@pytest.mark.parametrize("path", [*FILES, SOURCE / "__init__.py"], ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_is_unpickled(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {"pickle", "cloudpickle", "dill", "joblib", "shelve"} & set(names), names
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            options = {option.arg: ast.unparse(option.value) for option in node.keywords}
            assert options.get("weights_only") == "True"
