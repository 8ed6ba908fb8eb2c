"""Detectors in recipes: a stage for each network and measure, on noises that others use too."""

from pathlib import Path
from typing import Any

from blackthorn.results import DetectionRecord
from blackthorn.running import Folder, collect

from .conftest import laid_out, run
from .tiny import read, tiny

NOISE: dict[str, Any] = {"kind": "universal_noise", "target": 3, "limit": 0.25, "preset": "hvass", "steps": 5}
DENSE = {"kind": "network", "name": "dense"}
EVADING: dict[str, Any] = {"kind": "evading", "eps": 0.1, "steps": 2, "restarts": 1}


def recipe(**measures: Any) -> dict[str, Any]:
    return {**tiny(), "measures": {"natural": {"kind": "accuracy"}, **measures}, "statements": []}


def test_a_detector_is_measured_under_noises_and_attacks_and_keeps_its_records(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        recipe(
            noise={"kind": "detection", "noises": [NOISE, {**NOISE, "target": 5}], "source": DENSE},
            evading={"kind": "detection", "attack": EVADING, "n_max": 10},
        ),
    )
    assert run(made, tmp_path / "store") == {}
    grid, missing = collect(laid_out(made), Folder(tmp_path / "store"))
    assert missing == []
    found = [cell for cells in grid.of(DetectionRecord).values() for cell in cells]
    assert [(cell.row, cell.metric, cell.record.noise, cell.record.n) for cell in found] == [
        (row, *rest)
        for row in ("dense", "weight 50%")
        for rest in (("noise", "3, 0.25", 40), ("noise", "5, 0.25", 40), ("evading", None, 10))
    ]
    assert all(cell.flags is None and cell.record.seed == 0 for cell in found)
    assert all(cell.record.seconds >= 0 and cell.record.architecture == "mlp" for cell in found)


def test_a_noise_is_the_one_that_an_accuracy_adds(tmp_path: Path) -> None:
    made = laid_out(
        read(
            tmp_path,
            recipe(
                accuracy={"kind": "accuracy", "attack": NOISE},
                detection={"kind": "detection", "noises": [NOISE]},
            ),
        )
    )
    assert len([stage for stage in made.stages if stage.kind == "noise"]) == 2  # one for each network
    for row in ("dense", "weight 50%"):
        accuracy, detection = (
            next(place.stage for place in made.places if (place.row, place.metric) == (row, metric))
            for metric in ("accuracy", "detection")
        )
        assert accuracy.inputs["noises"] == detection.inputs["noises"]


def test_an_attack_that_tries_every_class_is_expected_to_take_longer(tmp_path: Path) -> None:
    made = laid_out(
        read(
            tmp_path,
            recipe(
                once={"kind": "detection", "attack": EVADING},
                nine={"kind": "detection", "attack": {**EVADING, "restarts": 9}},
            ),
        )
    )
    once, nine = (next(p.stage.effort for p in made.places if p.metric == metric) for metric in ("once", "nine"))
    assert nine - once == 40 * 2 * 2 * 8
