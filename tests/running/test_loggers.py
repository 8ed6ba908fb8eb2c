"""Numbers of a run, kept where people watch their runs."""

import csv
import sys
from pathlib import Path
from typing import Any

import pytest

from blackthorn.recipes import read_recipe
from blackthorn.running import Event
from blackthorn.running.loggers import logged, logging

from ..cli.conftest import Cli, refusal
from ..cli.conftest import cli as cli
from ..recipes.tiny import tiny, write

EVENTS = [
    Event("started", "k", "seed 0 · weight 50% · train 2 epochs"),
    Event("logged", "k", "seed 0 · weight 50% · train 2 epochs", done=1, metrics={"loss": 0.5, "accuracy": 0.25}),
    Event("logged", "k", "seed 0 · weight 50% · train 2 epochs", done=2, metrics={"loss": 0.125, "accuracy": 0.75}),
    Event("finished", "k", "seed 0 · weight 50% · train 2 epochs", seconds=1.0),
    Event("finished", "m", "seed 0 · weight 50% · natural", metrics={"value": 0.5, "low": 0.4, "high": 0.6}),
]
STAGE = "seed 0/weight 50/train 2 epochs"


def test_a_logger_hears_each_epoch_and_each_number_in_names_that_trackers_take() -> None:
    heard: list[tuple[dict[str, float], int]] = []

    class Hears:
        def log_metrics(self, metrics: Any, step: int) -> None:
            heard.append((dict(metrics), step))

    for event in EVENTS:
        logged(Hears())(event)
    assert heard == [
        ({f"{STAGE}/loss": 0.5, f"{STAGE}/accuracy": 0.25}, 1),
        ({f"{STAGE}/loss": 0.125, f"{STAGE}/accuracy": 0.75}, 2),
        ({f"seed 0/weight 50/natural/{name}": held for name, held in (("value", 0.5), ("low", 0.4), ("high", 0.6))}, 0),
    ]


def test_the_csv_file_has_a_line_for_each_number_and_is_added_to(tmp_path: Path) -> None:
    for _ in range(2):
        with logging(["csv"], tmp_path) as listen:
            for event in EVENTS:
                listen(event)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 14
    assert lines[2] == {"name": f"{STAGE}/loss", "step": "2", "value": "0.125"}


def test_tensorboard_reads_back_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.event_file_writer import EventsWriter  # noqa: F401  # says that this is the right package
    from tensorboardX.proto.event_pb2 import Event as Written

    with logging(["tensorboard"], tmp_path) as listen:
        for event in EVENTS:
            listen(event)
    (file,) = (tmp_path / "tensorboard" / STAGE).iterdir()
    found, data = [], file.read_bytes()
    while data:  # a record: length, its checksum, the event, its checksum
        length = int.from_bytes(data[:8], "little")
        event = Written.FromString(data[12 : 12 + length])
        found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
        data = data[16 + length :]
    assert found == [("loss", 1, 0.5), ("accuracy", 1, 0.25), ("loss", 2, 0.125), ("accuracy", 2, 0.75)]


def test_a_run_logs_every_epoch_from_the_command_line(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path, tiny())
    said = cli("run", "r.yaml", "--preset", "smoke", "--logger", "csv", "--quiet", "--store", "store", "--jobs", "1")
    assert (said.code, said.err) == (0, "")
    lines = list(csv.DictReader((tmp_path / "store/reports/r-smoke/metrics.csv").read_text("utf-8").splitlines()))
    losses = [(line["name"], line["step"]) for line in lines if line["name"].endswith("/loss")]
    assert sorted(losses) == [
        ("seed 0/dense/train 2 epochs/loss", "1"),
        ("seed 0/dense/train 2 epochs/loss", "2"),
        ("seed 0/weight 50/train 1 epoch/loss", "1"),
    ]
    assert sum(line["name"].endswith("/value") for line in lines) == 6 and read_recipe(str(path))


def test_a_logger_that_is_not_there_is_refused_before_anything_is_trained(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, tiny())
    assert "did you mean 'tensorboard'" in refusal(cli("run", "r.yaml", "--logger", "tensorbord"))
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    said = refusal(cli("run", "r.yaml", "--logger", "tensorboard"))
    assert "pip install 'blackthorn[tensorboard]'" in said
