"""The command line without a process of its own: the same `main`, with its words caught."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from blackthorn.__main__ import main

from ..recipes.conftest import finished as finished  # the same fixtures serve both folders
from ..recipes.conftest import store as store


@dataclass(frozen=True)
class Said:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Cli = Callable[..., Said]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cli]:
    """`cli("run", "r.yaml")` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["blackthorn", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        caught = capsys.readouterr()
        return Said(int(ended.value.code or 0), caught.out, caught.err)

    yield call
    torch.set_flush_denormal(False)  # a command sets it for its whole process


def typed(folder: Path, *words: str) -> Said:
    """The same for fixtures that many tests share, in a folder that is there."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["blackthorn", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    torch.set_flush_denormal(False)
    return Said(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def refusal(said: Said) -> str:
    """The one line of a command that was refused."""
    lines = said.err.splitlines()
    assert (said.code, said.out, len(lines)) == (2, "", 1), said
    assert lines[0].startswith("blackthorn: ")
    return lines[0].removeprefix("blackthorn: ")
