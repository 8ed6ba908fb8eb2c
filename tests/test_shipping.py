"""A folder that ships says what is in the store, and its lines of Python load what lies in it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from torch import Tensor, nn

import blackthorn as bt
from blackthorn.errors import RecipeError
from blackthorn.models import onnx_network
from blackthorn.recipes import read_recipe
from blackthorn.results import AccuracyRecord, Grid
from blackthorn.running import Folder
from blackthorn.running.collecting import collect
from blackthorn.shipping.folder import ONNX

from .cli.conftest import Cli, refusal
from .cli.conftest import cli as cli
from .recipes.conftest import laid_out, run
from .recipes.tiny import read, tiny, write

pytestmark = pytest.mark.slow

TRAIN = {"kind": "train", "epochs": 1, "batch_size": 32, "stop_at_chance": False}
NETS = """
from torch import nn

def net(num_classes, width=600):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, num_classes))
"""


def recipe() -> dict[str, Any]:
    def pruned(criterion: str, sparsity: str) -> dict[str, Any]:
        step = {"kind": "prune", "criterion": {"kind": criterion}, "scope": "per_layer", "sparsity": sparsity}
        return {"of": "dense", "steps": [step]}

    networks = {"dense": {"steps": [TRAIN]}, "weight 90%": pruned("magnitude", "90%"), "units": pruned("rfp", "50%")}
    networks["units"]["steps"][0]["criterion"] = {"kind": "filter_norm", "include_linear": True}
    networks["units"]["steps"][0]["coupled"] = True
    made = tiny("networks", to=networks)
    del made["published"], made["statements"], made["presets"]
    measures = {**made["measures"], "cost": {"kind": "cost", "repeats": 2, "batches": [1]}}
    return {**made, "model": {"kind": "mlp", "hidden": [600]}, "measures": measures}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `r.yaml` and its finished store, and a folder that ships for each network."""
    folder: Path = tmp_path_factory.mktemp("ship")
    assert run(read(folder, recipe()), folder / "runs") == {}
    for row in ("dense", "weight 90%", "units"):
        bt.ship(folder / "r.yaml", network=row, to=folder / row, store=folder / "runs", license="mit")
    return folder


@pytest.fixture(scope="module")
def grid(done: Path) -> Grid:
    return collect(laid_out(read_recipe(str(done / "r.yaml"))), Folder(done / "runs"))[0]


def cells(grid: Grid, row: str) -> dict[str, AccuracyRecord]:
    return {metric: held[0].record for (name, metric), held in grid.of(AccuracyRecord).items() if name == row}


def test_the_folder_has_the_network_its_card_and_its_recipe(done: Path) -> None:
    names = {file.name for file in (done / "weight 90%").iterdir()}
    assert names - {ONNX} == {"network.safetensors", "network.pt2", "README.md", "recipe.yaml"}
    assert yaml.safe_load((done / "weight 90%" / "recipe.yaml").read_text())["title"] == "Tiny"


def test_the_hub_reads_the_metadata_and_its_results_are_those_of_the_store(done: Path, grid: Grid) -> None:
    card = ModelCard.load(done / "weight 90%" / "README.md")
    assert (card.data.license, card.data.library_name) == ("mit", "blackthorn")
    assert card.data.pipeline_tag == "image-classification" and "pruning" in card.data.tags
    written = yaml.safe_load((done / "weight 90%" / "README.md").read_text().split("---\n")[1])
    name, results = model_index_to_eval_results(written["model-index"])
    assert name == "weight 90%" and {result.dataset_name for result in results} == {"digits"}
    values = {result.metric_name.split(" (")[0]: result.metric_value for result in results}
    records = cells(grid, "weight 90%")
    assert values == {
        "Accuracy": pytest.approx(records["natural"].value, abs=1e-6),
        "Accuracy under fgsm 0.1": pytest.approx(records["fgsm 0.1"].value, abs=1e-6),
        "Accuracy under pgd": pytest.approx(records["pgd"].value, abs=1e-6),
    }


def test_people_read_every_number_with_its_interval_beside_the_unpruned_network(done: Path, grid: Grid) -> None:
    card = (done / "weight 90%" / "README.md").read_text()
    for metric, record in cells(grid, "weight 90%").items():
        share = f"{100 * record.value:.1f} ({100 * record.low:.1f} to {100 * record.high:.1f})"
        before = cells(grid, "dense")[metric]
        beside = f"{100 * before.value:.1f} ({100 * before.low:.1f} to {100 * before.high:.1f})"
        assert re.search(rf"^\| {re.escape(metric)} \|.*{re.escape(share)} \| {re.escape(beside)} \|", card, re.M)
    assert "90.0 % of its weights" in card and "of its units" in card
    assert "Latency, batch 1" in card and "## Licence\n\nmit" in card


def test_what_is_pruned_by_units_is_shipped_without_them_and_what_by_weights_without_zeros(done: Path) -> None:
    sizes = {row: (done / row / "network.safetensors").stat().st_size for row in ("dense", "weight 90%", "units")}
    assert sizes["units"] < 0.6 * sizes["dense"] and sizes["weight 90%"] < 0.3 * sizes["dense"]
    bundle = bt.deploy.load(done / "units" / "network.safetensors")
    assert bundle.masks is None and bundle.model.fc1.out_features == 300
    assert bundle.about["network"] == "units" and bundle.about["data"] == "digits"


BLOCKS = {"blackthorn": "With Blackthorn", "onnxruntime": "With ONNX Runtime", "safetensors": "The weights by name"}


def block(folder: Path, title: str) -> str | None:
    found = re.search(rf"^{title}[^\n]*\n\n```python\n(.*?)```", (folder / "README.md").read_text(), re.M | re.S)
    return None if found is None else found[1]


@pytest.mark.parametrize("row", ["dense", "weight 90%", "units"])
@pytest.mark.parametrize("way", BLOCKS)
def test_the_lines_of_the_card_load_the_network(
    done: Path, monkeypatch: pytest.MonkeyPatch, row: str, way: str
) -> None:
    code, names = block(done / row, BLOCKS[way]), {}
    if code is None:
        assert way == "onnxruntime" and not (done / row / ONNX).exists()
        return
    monkeypatch.chdir(done / row)
    exec(compile(code, "README.md", "exec"), names)
    model = bt.deploy.load("network.safetensors").model
    if way == "safetensors":
        state: dict[str, Tensor] = names["state"]
        assert state.keys() == model.state_dict().keys()
        assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    elif way == "onnxruntime":
        wanted = model(torch.from_numpy(names["images"])).detach()
        torch.testing.assert_close(torch.from_numpy(names["logits"]), wanted, rtol=0, atol=1e-4)
    else:
        assert names["logits"].shape == (1, 10) and isinstance(names["model"], nn.Module)


@pytest.mark.parametrize("sparsity", [None, "30%"])
def test_whoever_has_the_class_needs_nothing_of_this_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sparsity: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "shipped_nets", raising=False)
    (tmp_path / "shipped_nets.py").write_text(NETS)
    made = recipe()
    made |= {"model": {"kind": "shipped_nets:net", "width": 500}, "measures": {"natural": {"kind": "accuracy"}}}
    made["networks"] = {"dense": {"steps": [TRAIN]}}
    monkeypatch.setattr(onnx_network, "available", lambda: False)
    if sparsity is not None:  # so few that no unit dies, which would be cut out
        step = {"kind": "prune", "criterion": {"kind": "magnitude"}, "scope": "per_layer", "sparsity": sparsity}
        made["networks"]["pruned"] = {"of": "dense", "steps": [step]}
    file, row = write(tmp_path, made), "dense" if sparsity is None else "pruned"
    assert run(read_recipe(str(file)), tmp_path / "runs") == {}
    bt.ship(file, network=row, to="out", store="runs")
    code = block(tmp_path / "out", BLOCKS["safetensors"])
    assert code is not None and "net(num_classes=10, width=500)" in code
    code += "\nimport sys\nassert 'blackthorn' not in sys.modules\ntorch.save(model.state_dict(), 'state.pt')\n"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", "import torch\n" + code], cwd=tmp_path / "out", env=environment, check=True)
    bundle = bt.deploy.load("out/network.safetensors", factory="shipped_nets:net")
    state = torch.load("out/state.pt", weights_only=True)
    assert all(torch.equal(state[name], tensor) for name, tensor in bundle.model.state_dict().items())


def test_a_row_in_int8_is_shipped_as_its_file_beside_the_network(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    made = {**recipe(), "measures": {"natural": {"kind": "accuracy"}}}
    exported = {"of": "dense", "steps": [{"kind": "export", "format": "int8", "calibrate": 40}]}
    made["networks"] = {"dense": {"steps": [TRAIN]}, "int8": exported}
    assert run(read(tmp_path, made), tmp_path / "runs") == {}
    done = bt.ship(tmp_path / "r.yaml", network="int8", to=tmp_path / "out", store=tmp_path / "runs")
    assert {"network.safetensors", "network.onnx", "network.int8.onnx"} <= done.files.keys()
    assert (tmp_path / "out" / "network.int8.onnx").stat().st_size < 0.4 * done.files["network.onnx"]
    assert "The numbers are those of network.int8.onnx" in (tmp_path / "out" / "README.md").read_text()
    dense = bt.ship(tmp_path / "r.yaml", network="dense", to=tmp_path / "dense", store=tmp_path / "runs")
    measured = next((tmp_path / "runs" / "stages").glob("export-*/network.int8.onnx"))
    for folder in (done, dense):  # the very file that was measured, whichever of the two is shipped
        assert (folder.folder / "network.int8.onnx").read_bytes() == measured.read_bytes()
    card = (tmp_path / "dense" / "README.md").read_text()
    assert "When dense was quantised to int8, " in card and "The numbers are those of" not in card


def test_the_command_says_what_it_wrote(done: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_network, "available", lambda: False)
    words = ("ship", str(done / "r.yaml"), "--network", "dense", "--to", "net", "--store", str(done / "runs"))
    said = cli(*words)
    assert said.code == 0 and "network.safetensors" in said.err
    assert "There is no network.onnx: " in said.err and "pip install 'blackthorn[export]'" in said.err
    assert "license: unknown" in (tmp_path / "net" / "README.md").read_text()
    assert "None is stated." in (tmp_path / "net" / "README.md").read_text()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"network": "weight 9%"}, "has no such network; did you mean 'weight 90%'"),
        ({"license": "my own words"}, "one of the hub's words is wanted, such as mit"),
        ({"seed": 5}, "not in the store .*runs yet; first blackthorn run .*r.yaml --preset full --seeds 5"),
        ({"store": "nowhere"}, "there is no such folder"),
    ],
)
def test_what_cannot_be_shipped_is_one_line_and_leaves_nothing(
    done: Path, tmp_path: Path, changed: dict[str, Any], says: str
) -> None:
    options = {"network": "dense", "store": done / "runs", **changed}
    with pytest.raises(RecipeError, match=says) as refused:
        bt.ship(done / "r.yaml", to=tmp_path / "out", **options)
    assert "\n" not in str(refused.value) and not (tmp_path / "out").exists()


def test_a_refused_command_is_one_line(done: Path, cli: Cli) -> None:
    line = refusal(cli("ship", str(done / "r.yaml"), "--network", "no", "--to", "x", "--store", str(done / "runs")))
    assert "has no such network" in line


def test_about_says_nothing_that_json_cannot_hold(done: Path) -> None:
    assert json.loads(json.dumps(bt.deploy.load(done / "dense" / "network.safetensors").about))["recipe"] == "Tiny"
