"""A network of Hugging Face's transformers, whose output is an object with logits, goes all the way to a bundle."""

import sys
from pathlib import Path

import pytest
import torch

import blackthorn as bt
from blackthorn.results import AccuracyRecord
from blackthorn.running import Folder
from blackthorn.running.collecting import collect

from .conftest import laid_out, run
from .tiny import read, tiny

FACTORY = """
from transformers import ResNetConfig, ResNetForImageClassification

def resnet(num_classes, in_channels):
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
    return ResNetForImageClassification(ResNetConfig(num_channels=in_channels, num_labels=num_classes, **sizes))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_real_one_is_trained_pruned_attacked_and_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers", reason="150 MB for one test: pip install transformers")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "hugging", raising=False)
    (tmp_path / "hugging.py").write_text(FACTORY)
    recipe = {**tiny(), "model": {"kind": "hugging:resnet"}, "data": {**tiny()["data"], "resize": 32}}
    del recipe["published"], recipe["statements"]
    half = {"kind": "prune", "criterion": {"kind": "filter_norm"}, "sparsity": "40%", "coupled": True}
    recipe["networks"]["cut"] = {"of": "dense", "steps": [half, {"kind": "shrink"}]}
    assert run(read(tmp_path, recipe), tmp_path / "runs") == {}
    grid, missing = collect(laid_out(read(tmp_path, recipe)), Folder(tmp_path / "runs"))
    assert not missing and {row for row, _ in grid.of(AccuracyRecord)} == {"dense", "weight 50%", "cut"}

    bt.ship("r.yaml", network="weight 50%", to="out", store="runs")
    model = bt.deploy.load("out/network.safetensors", factory="hugging:resnet").model
    x = torch.rand(2, 1, 32, 32)
    theirs = sys.modules["hugging"].resnet(10, 1).eval()
    code = (tmp_path / "out" / "README.md").read_text().split("safetensors alone:\n\n```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path / "out")
    names: dict[str, object] = {}
    exec(code, names)
    theirs.load_state_dict(names["state"])
    assert torch.equal(theirs(x).logits, model(x))
