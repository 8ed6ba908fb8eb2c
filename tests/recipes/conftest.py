"""A finished store of the tiny recipe, made once; tests copy what they change."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from blackthorn.recipes import Plan, Recipe, plan
from blackthorn.running import Event, Folder, quiet, run_plan

from .tiny import read, tiny


def laid_out(recipe: Recipe) -> Plan:
    """The plan of a recipe, its images loaded."""
    return plan(recipe, recipe.data.load())


def run(recipe: Recipe, folder: Path, listen: Callable[[Event], None] = quiet) -> dict[str, str]:
    """Run a recipe in this process, without a report; returns the failures."""
    splits = recipe.data.load()
    return run_plan(plan(recipe, splits), splits, Folder(folder), torch.device("cpu"), listen).failures


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    assert run(read(folder, tiny()), folder / "store") == {}
    return folder / "store"


@pytest.fixture
def store(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished store, to be spoilt."""
    return Path(shutil.copytree(finished, tmp_path / "store"))
