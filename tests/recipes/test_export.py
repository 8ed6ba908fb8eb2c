"""Export steps of a recipe: the row is a file from then on, attacked by transfer and by queries, and timed."""

from pathlib import Path
from typing import Any

import pytest

from blackthorn.deploy import OnnxNetwork
from blackthorn.errors import ModelError, RecipeError
from blackthorn.models import onnx_network
from blackthorn.recipes.planning import check
from blackthorn.results import AccuracyRecord, CostRecord
from blackthorn.running import Folder, collect

from .conftest import laid_out, run
from .test_prune_steps import PRUNE
from .tiny import read

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TRAIN = {"kind": "train", "epochs": 2, "batch_size": 32, "stop_at_chance": False}
PGD = {"kind": "pgd", "eps": 0.1, "steps": 3}


def recipe(**networks: Any) -> dict[str, Any]:
    return {
        "title": "Exported",
        "data": {"source": "digits", "train": 120, "test": 30, "valid": 0},
        "model": {"kind": "mlp", "hidden": [16]},
        "networks": {"dense": {"steps": [TRAIN]}, **networks},
        "measures": {"natural": {"kind": "accuracy"}},
    }


def exported(format: str, **more: Any) -> dict[str, Any]:
    return {"of": "dense", "steps": [{"kind": "export", "format": format, **more}]}


def test_rows_of_files_are_measured_by_transfer_and_by_queries(tmp_path: Path) -> None:
    written = recipe(onnx=exported("onnx"), int8=exported("int8", calibrate=50))
    written["measures"] |= {
        "transferred": {"kind": "accuracy", "attack": PGD, "source": {"kind": "network", "name": "dense"}},
        "asked": {"kind": "accuracy", "attack": {"kind": "square", "eps": 0.1, "queries": 50}},
        "followed": {"kind": "accuracy", "attack": PGD},
        "cost": {"kind": "cost", "repeats": 5, "batches": [1]},
    }
    made = read(tmp_path, written)
    assert run(made, tmp_path / "store") == {}
    grid, _ = collect(laid_out(made), Folder(tmp_path / "store"))
    found = {place: cells[0].record for place, cells in grid.of(AccuracyRecord).items()}
    for metric in ("natural", "transferred", "asked"):
        assert found["onnx", metric].value == found["dense", metric].value
        assert abs(found["int8", metric].value - found["dense", metric].value) <= 0.1
        assert not found["int8", metric].alarms and found["int8", metric].parameters is None
    assert found["int8", "followed"].alarms
    forms = {cell.row: set() for cells in grid.of(CostRecord).values() for cell in cells}
    for cells in grid.of(CostRecord).values():
        for cell in cells:
            forms[cell.row].add((cell.record.form, cell.record.metric))
    assert {form for form, _ in forms["int8"]} == {"dense", "int8"}
    assert {metric for form, metric in forms["int8"] if form == "int8"} == {"bytes", "latency"}


def test_the_file_lies_in_the_folder_of_its_stage_and_is_what_is_measured(tmp_path: Path) -> None:
    made = read(tmp_path, recipe(int8=exported("int8")))
    assert run(made, tmp_path / "store") == {}
    stage = next(place.stage.parent for place in laid_out(made).places if place.row == "int8")
    assert stage is not None
    file = tmp_path / "store" / "stages" / stage.name / "network.int8.onnx"
    network, splits = OnnxNetwork(file), made.data.load()
    grid, _ = collect(laid_out(made), Folder(tmp_path / "store"))
    value = grid.of(AccuracyRecord)["int8", "natural"][0].record.value
    right = network(splits.test.x.float() / 255).argmax(1) == splits.test.y
    assert value == pytest.approx(right.float().mean().item())


def test_cost_times_both_runtimes_beside_each_other(tmp_path: Path) -> None:
    pruned = {"of": "dense", "steps": [{**PRUNE, "criterion": {"kind": "filter_norm", "include_linear": True}}]}
    written = recipe(pruned=pruned)
    written["measures"]["cost"] = {"kind": "cost", "repeats": 5, "batches": [1, 3], "also": ["sparse", "onnx", "int8"]}
    made = read(tmp_path, written)
    assert run(made, tmp_path / "store") == {}
    grid, _ = collect(laid_out(made), Folder(tmp_path / "store"))
    timed = {
        (cell.row, cell.record.form, cell.record.batch)
        for cells in grid.of(CostRecord).values()
        for cell in cells
        if cell.record.metric == "latency"
    }
    torch_forms, runtime = {"dense", "masked", "shrunk", "sparse"}, {"dense onnx", "shrunk onnx"}
    eight = {"dense int8", "shrunk int8"}
    assert {form for row, form, _ in timed if row == "pruned"} == torch_forms | runtime | eight
    assert {form for row, form, _ in timed if row == "dense"} == {"dense", "dense onnx", "dense int8"}
    assert {batch for _, _, batch in timed} == {1, 3}


@pytest.mark.parametrize(
    "networks, words",
    [
        ({"net": {"of": "dense", "steps": [{"kind": "export"}, TRAIN]}}, "networks.net.steps.0: no step can follow"),
        ({"int8": exported("int8"), "net": {"of": "int8", "steps": [TRAIN]}}, "'int8' is a file by now"),
        ({"net": exported("tflite")}, "format"),
    ],
)
def test_what_cannot_be_done_with_a_file_is_refused(networks: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=words):
        read(tmp_path, recipe(**networks))


@pytest.mark.parametrize("also", [None, ["onnx"]])
def test_without_onnx_runtime_nothing_is_trained(also: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    written = recipe(**({} if also else {"int8": exported("int8")}))
    written["measures"]["cost"] = {"kind": "cost", **({"also": also} if also else {})}
    made = read(tmp_path, written)
    monkeypatch.setattr(onnx_network, "available", lambda: False)
    with pytest.raises(ModelError, match=r"pip install 'blackthorn\[export\]'"):
        check(made, made.data.load(), lambda path: nullcontext())
