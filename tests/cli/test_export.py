"""Exporting a network from the command line: which files are there, and every wrong word in one line."""

from pathlib import Path
from zipfile import ZipFile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from blackthorn import load_data, models, pruning
from blackthorn.deploy import OnnxNetwork, save
from blackthorn.exporting import CALIBRATE
from blackthorn.measuring.images import evenly
from blackthorn.models import onnx_network

from .conftest import Cli, refusal

pytestmark = pytest.mark.timeout(300)
NETS = """
from torch import nn

def foreign_to_export():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
"""


@pytest.fixture
def net(tmp_path: Path) -> nn.Module:
    """A network beside its bundle, `net.safetensors`."""
    torch.manual_seed(0)
    model = models.mlp(image_size=8, hidden=[16]).eval()
    save(tmp_path / "net.safetensors", model)
    return model


@pytest.mark.slow
def test_a_bundle_is_exported_without_a_data_set(cli: Cli, net: nn.Module, tmp_path: Path) -> None:
    said = cli("export", "net.safetensors", "--to", "shipped")
    assert said.code == 0
    assert [line.partition(":")[0] for line in said.out.splitlines()] == ["shipped/network.onnx", "shipped/network.pt2"]
    with ZipFile(tmp_path / "shipped" / "network.pt2") as held:
        assert not any(held.read(name).startswith((b"PK", b"\x80")) for name in held.namelist() if name.endswith(".pt"))
    assert "zero" not in said.out
    x = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(OnnxNetwork(tmp_path / "shipped" / "network.onnx")(x), net(x))


def test_zeros_are_said_to_take_place_all_the_same(cli: Cli, net: nn.Module) -> None:
    masks = pruning.prune(net, pruning.Magnitude(), sparsity=0.5, scope="per_layer")
    save("net.safetensors", net, masks=masks)
    said = cli("export", "net.safetensors", "--formats", "pt2")
    assert said.code == 0 and said.out.splitlines()[-1] == (
        "50.0 % of the weights are zero, and stored like all others: pruning.shrink, or blackthorn compress --smaller, "
        "cuts out what makes a file smaller"
    )


@pytest.mark.slow
def test_weights_of_a_factory_are_exported_in_8_bits(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "foreign_export.py").write_text(NETS)
    torch.manual_seed(0)
    linear = nn.Linear(64, 10)
    save_file({"1.weight": linear.weight.detach(), "1.bias": linear.bias.detach()}, tmp_path / "w.safetensors")
    words = ("--weights", "w.safetensors", "--formats", "int8", "--calibrate", "digits")
    assert cli("export", "foreign_export:foreign_to_export", *words).code == 0
    train = load_data("digits", valid=0).train
    x = train.x[evenly(len(train), CALIBRATE)].float() / 255  # within every range that was calibrated
    found = OnnxNetwork(tmp_path / "exported" / "network.int8.onnx")(x)
    with torch.no_grad():
        wanted = linear(x.flatten(1))
    # Half a step of 1/63 of the largest weight for each pixel, of 1/255 of each pixel, and of 1/255 of the logits.
    linear.requires_grad_(False)
    weights = float(linear.weight.abs().amax()) / 63 / 2 * x.flatten(1).sum(1).max()
    pixels = float(linear.weight.abs().sum(1).max()) / 255 / 2
    bound = float(weights + pixels + (wanted.max() - wanted.min()) / 255)
    torch.testing.assert_close(found, wanted, atol=bound, rtol=0)
    assert not torch.equal(found, wanted)


@pytest.mark.parametrize(
    "words, told",
    [
        (("net.safetensors", "--formats", "tflite"), "there is no format 'tflite'"),
        (("net.safetensors", "--formats", ","), "no format is given"),
        (("net.safetensors", "--formats", "int8"), "add --calibrate SOURCE"),
        (("other.safetensors",), "there is no such file"),
        (("mlp",), "add --weights FILE"),
        (("mlp", "--weights", "w.safetensors"), "which images it takes is not known; add --calibrate SOURCE"),
    ],
)
def test_what_is_wrong_is_one_line_and_no_file(
    cli: Cli, net: nn.Module, words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "w.safetensors")
    assert told in refusal(cli("export", *words))
    assert not (tmp_path / "exported").exists()


def test_without_onnx_runtime_it_is_said_what_to_install(
    cli: Cli, net: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_network, "available", lambda: False)
    assert "pip install 'blackthorn[export]'" in refusal(cli("export", "net.safetensors"))
