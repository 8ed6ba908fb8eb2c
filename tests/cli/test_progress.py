"""What people see: the pace, and a real terminal."""

import os
import pty
import re
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blackthorn.cli import progress as progress_module
from blackthorn.cli.progress import watching
from blackthorn.recipes import Plan
from blackthorn.running import Event
from blackthorn.running import pace as pace_module
from blackthorn.running.folder import Folder
from blackthorn.running.pace import Pace, clock

from ..recipes.conftest import laid_out
from ..recipes.tiny import read, tiny, write
from .test_faults import ENVIRONMENT, PROGRAM

pytestmark = pytest.mark.slow


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace_module, "time", clock)
    return clock


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Nine stages, of an effort of 100 each."""
    made = laid_out(read(tmp_path, tiny()))
    return replace(made, stages=[replace(stage, effort=100.0) for stage in made.stages])


def event(plan: Plan, number: int, what: str, **more: Any) -> Event:
    return Event(what, plan.stages[number].key, plan.stages[number].label, **more)


def test_nothing_is_said_of_the_time_left_before_anything_is_done(plan: Plan, time: Clock) -> None:
    pace = Pace(plan)
    time.now += 10
    assert pace.left() is None
    assert (pace.stages, pace.settled, pace.total, pace.done) == (9, 0, 900, 0)


def test_the_time_left_goes_by_the_effort_done(plan: Plan, time: Clock) -> None:
    pace = Pace(plan)
    time.now += 10
    pace.hear(event(plan, 0, "finished"))
    assert pace.left() == pytest.approx(80)
    time.now += 10
    pace.hear(event(plan, 1, "advanced", done=1, total=2))
    assert pace.left() == pytest.approx(750 * 20 / 150)


def test_what_was_done_before_tells_nothing_of_the_pace(plan: Plan, time: Clock) -> None:
    pace = Pace(plan, [stage.key for stage in plan.stages[:6]])
    for number in range(6):
        pace.hear(event(plan, number, "elsewhere"))
    time.now += 10
    pace.hear(event(plan, 6, "finished"))
    assert (pace.settled, pace.done) == (7, 700)
    assert pace.left() == pytest.approx(20)


def test_the_epochs_before_a_training_was_resumed_tell_nothing_of_the_pace(plan: Plan, time: Clock) -> None:
    pace = Pace(plan, [stage.key for stage in plan.stages[1:]])
    pace.hear(event(plan, 0, "advanced", done=81, total=100))
    time.now += 10
    pace.hear(event(plan, 0, "advanced", done=90, total=100))
    assert pace.left() == pytest.approx(10)


def test_what_another_command_does_meanwhile_tells_of_the_pace(plan: Plan, time: Clock) -> None:
    """Two commands, of which each has done two stages in twenty seconds: the five that are left take 25."""
    pace = Pace(plan)
    for number in (0, 2):
        time.now += 10
        pace.hear(event(plan, number, "finished"))
        pace.hear(event(plan, number + 1, "elsewhere"))
    assert pace.left() == pytest.approx(25)


def test_what_another_command_had_begun_long_before_tells_no_more_than_our_own_work(plan: Plan, time: Clock) -> None:
    """A stage of six times the effort ends with our first one: about a sixth of it was done since we began."""
    large = replace(plan.stages[1], effort=600.0)
    made = replace(plan, stages=[plan.stages[0], large, *plan.stages[2:]])
    pace = Pace(made)
    time.now += 10
    pace.hear(event(made, 0, "finished"))
    pace.hear(event(made, 1, "elsewhere"))
    assert pace.left() == pytest.approx(700 * 10 / 200)


def test_all_that_is_settled_ends_at_the_whole(plan: Plan, time: Clock) -> None:
    pace = Pace(plan)
    for number in range(9):
        pace.hear(event(plan, number, ["finished", "failed", "elsewhere"][number % 3]))
        pace.hear(event(plan, number, "elsewhere"))  # as another worker sees it
    assert (pace.settled, pace.done) == (9, pace.total)


def test_a_line_says_how_far_a_stage_has_come_whatever_it_is(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_module, "_TOLD_EVERY", -1.0)
    with watching(plan, Folder(tmp_path / "store")) as listen:
        listen(event(plan, 0, "advanced", text="pruning curve", done=3, total=8))
    assert capsys.readouterr().err.strip() == f"[  0/9] {plan.stages[0].label}, 38% · pruning curve"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3600, "1 h 00 min"),
        (3900, "1 h 05 min"),
    ],
)
def test_time_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert clock(seconds) == said


def on_a_terminal(folder: Path, columns: int, *words: str) -> tuple[int, str]:
    """Exit code, and what was drawn, without the codes that move the cursor."""
    import fcntl
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    import subprocess

    environment = {**ENVIRONMENT, "TERM": "xterm-256color"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], cwd=folder, env=environment, stdout=follower, stderr=follower
    )
    os.close(follower)
    drawn = b""
    while True:
        try:
            more = os.read(leader, 65536)
        except OSError:  # nobody holds the other end any more
            break
        if not more:
            break
        drawn += more
    os.close(leader)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.decode())
    return process.wait(), text


def test_a_terminal_shows_bars_and_ends_with_results_statements_and_the_page(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["[red]x[/red]"] = recipe["networks"].pop(
        "dense"
    )  # names are words, not commands to the terminal
    recipe["networks"]["weight 50%"] = {**recipe["networks"].pop("weight 50%"), "of": "[red]x[/red]"}
    recipe["published"]["values"] = {"[red]x[/red]": {"natural": 90}}
    recipe["statements"][0]["than"] = "[red]x[/red]"
    anything = {"kind": "no_loss", "nat_tol": 100}
    recipe["select"] = {
        "smallest": {"rule": anything, "from": "weight *", "than": "[red]x[/red]", "published": "97.5%"}
    }
    write(tmp_path, recipe)

    code, text = on_a_terminal(tmp_path, 100, "run", "r.yaml", "--store", "store", "--jobs", "1")

    assert code == 0
    assert "0 of 9 stages" in text
    assert "9 of 9 stages" in text
    assert "seed 0 · [red]x[/red] · train 2 epochs" in text
    last = [line.strip() for line in text.splitlines() if line.strip()][-6:]
    assert last[0].split() == ["%", "right", "natural", "fgsm", "0.1", "pgd"]
    assert re.fullmatch(r"\[red\]x\[/red\]( +\d+\.\d\d){3}", last[1])
    assert re.fullmatch(r"weight 50%( +\d+\.\d\d){3}", last[2])
    assert re.fullmatch(r"(yes|no|unknown)  Pruning costs nothing", last[3])
    assert last[4] == "smallest: weight 50% (paper 97.5%)"
    assert last[5] == "Report: store/reports/r-full/index.html"
