"""A bundle of a few bytes is refused before a network is built that no memory holds."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from blackthorn import deploy, models
from blackthorn.errors import BundleError

MLP = {"kind": "mlp", "num_classes": 10, "in_channels": 1, "image_size": 8, "hidden": [16]}


def bundle(path: Path, text: str) -> Path:
    save_file({"model.a": torch.zeros(1)}, path, metadata={"blackthorn": text})
    return path


def header(**architecture: Any) -> str:
    said = {"kind": "header", "version": 1, "architecture": {**MLP, **architecture}, "masked": False, "about": {}}
    del said["kind"]
    return json.dumps(said)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        header(hidden=[60000, 60000]),
        header(hidden=[10**30]),
        header(hidden=[1] * 100_000),
        header(image_size=10**6),
        header(num_classes=10**30),
        header(num_classes={}),
        header(image_size={"image_size": {}}),
        header(kind="wide_resnet", depth=10**6),
        "[" * 100_000,
        header().replace('"version": 1', '"version": ' + "9" * 5000),
        header().replace('"version": 1', '"version": 1e0'),
    ],
    ids=["wide", "huge", "deep", "image", "classes", "no number", "nested size", "depth", "nested", "version", "float"],
)
def test_a_bundle_of_impossible_sizes_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(BundleError) as refused:
        deploy.load(bundle(tmp_path / "b.safetensors", text))
    assert len(str(refused.value)) < 500 and "\n" not in str(refused.value)


def test_a_layer_without_a_name_is_refused(tmp_path: Path) -> None:
    deploy.save(tmp_path / "b.safetensors", models.build(MLP))
    from safetensors.torch import load_file

    said = {**json.loads(header()), "version": 2, "layers": {"": {"kind": "bfloat16"}}}
    save_file(load_file(tmp_path / "b.safetensors"), tmp_path / "c.safetensors", {"blackthorn": json.dumps(said)})
    with pytest.raises(BundleError, match="there is no layer ''"):
        deploy.load(tmp_path / "c.safetensors")
