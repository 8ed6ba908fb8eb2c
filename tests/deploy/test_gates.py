"""Bundles carry gates, with what they share and what gave way to them, to another process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from blackthorn.deploy import load, save
from blackthorn.errors import BundleError
from blackthorn.gates import BetaBernoulli, gates_of, insert_gates, places
from blackthorn.models import build

from ..gates.networks import half_closed
from ..gates.test_insert import Halving

X = torch.rand(3, 3, 32, 32)


def gated(kind: Any, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    model = build(kind, num_classes=10, shape=(3, 32, 32))
    return half_closed(insert_gates(model, X, BetaBernoulli(lr=0.03, prior=1e-3), **options)).eval()


def test_a_gated_network_is_loaded_with_its_gates_shared_as_they_were(tmp_path: Path) -> None:
    model = gated({"kind": "wide_resnet", "depth": 10, "widen": 1})
    save(tmp_path / "gated.safetensors", model)
    again = load(tmp_path / "gated.safetensors").model
    torch.testing.assert_close(again(X), model(X))
    assert len(places(again)) == len(places(model)) > len(gates_of(again)) == len(gates_of(model))
    assert [gate.options for gate in gates_of(again)] == [gate.options for gate in gates_of(model)]  # type: ignore[attr-defined]
    torch.manual_seed(1)
    drawn = model.train()(X)
    torch.manual_seed(1)
    assert torch.equal(again.train()(X), drawn)


def test_a_dropout_that_gave_way_drops_nothing_after_loading(tmp_path: Path) -> None:
    model = gated({"kind": "mlp", "hidden": [12, 8], "dropout": 0.5}, linear="input")
    off = {name: module.p for name, module in model.named_modules() if isinstance(module, nn.Dropout)}
    save(tmp_path / "gated.safetensors", model)
    again = load(tmp_path / "gated.safetensors").model
    assert {name: module.p for name, module in again.named_modules() if isinstance(module, nn.Dropout)} == off
    assert off and set(off.values()) == {0.0}


@pytest.mark.slow
def test_a_gated_network_is_loaded_in_another_process(tmp_path: Path) -> None:
    model = gated("lenet5_caffe", linear="input")
    save(tmp_path / "gated.safetensors", model)
    code = (
        "import torch; from blackthorn.deploy import load; from blackthorn.gates import gates_of; "
        f"model = load({str(tmp_path / 'gated.safetensors')!r}).model; "
        "print(sum(int(gate.active().sum()) for gate in gates_of(model)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(said) == sum(int(gate.active().sum()) for gate in gates_of(model))


def test_a_gate_that_no_file_can_name_is_refused(tmp_path: Path) -> None:
    model = build({"kind": "mlp", "hidden": [6]}, num_classes=4, shape=(1, 4, 4))
    model.architecture["image_size"] = 4
    mine = insert_gates(model, torch.rand(1, 1, 4, 4), Halving)
    with pytest.raises(BundleError, match=r"output_gate' is a Halving, which no value of blackthorn.gates makes; fold"):
        save(tmp_path / "gated.safetensors", mine)
    assert not (tmp_path / "gated.safetensors").exists()
