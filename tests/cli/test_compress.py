"""Compressing somebody's trained network from the command line: what comes out, and every wrong word in one line."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from blackthorn import load_data, models
from blackthorn.deploy import load, save
from blackthorn.measuring import Accuracy
from blackthorn.models.onnx_network import OnnxNetwork, available
from blackthorn.objectives import CrossEntropy
from blackthorn.recipes.reading import read_recipe
from blackthorn.training import fit

from .conftest import Cli, refusal

pytestmark = pytest.mark.timeout(600)
QUICK = ("--data", "digits", "--epochs", "1", "--images", "12")
NETS = """
from torch import nn

def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
"""


@pytest.fixture(scope="session")
def trained() -> nn.Module:
    """A network on digits that has more units than it needs."""
    model = models.mlp(image_size=8, hidden=[64])
    fit(model, load_data("digits").train, CrossEntropy(), epochs=6, seed=1)
    return model


@pytest.fixture
def bundle(trained: nn.Module, tmp_path: Path) -> Path:
    save(tmp_path / "net.safetensors", trained)
    return tmp_path / "net.safetensors"


def test_a_smaller_file_comes_out_with_its_page_and_its_recipe_and_nothing_is_done_twice(
    cli: Cli, bundle: Path, tmp_path: Path, trained: nn.Module
) -> None:
    words = ("compress", "net.safetensors", *QUICK, "--smaller", "1.6x", "--keep-accuracy", "20", "--json")
    ahead = cli(*words, "--dry-run")
    assert ahead.code == 0 and '"label": "seed 0 · filters 50% · train 1 epoch"' in ahead.out
    assert not list((tmp_path / "runs").glob("stages/*")) and not (tmp_path / "net-compressed").exists()
    said = cli(*words)
    assert said.code == 0, said.err
    told = json.loads(said.out)
    file = tmp_path / "net-compressed" / "network.safetensors"
    shipped = ["network.safetensors", *(["network.onnx", "network.int8.onnx"] if available() else [])]
    assert told["granted"] and told["files"] == {name: f"net-compressed/{name}" for name in shipped}
    assert all((tmp_path / "net-compressed" / name).is_file() for name in shipped)
    chosen = next(one for one in told["tried"] if one["row"] == told["chosen"])
    assert 1.6 <= chosen["smaller"] == pytest.approx(bundle.stat().st_size / file.stat().st_size, rel=0.02)
    small, test = load(file).model, load_data("digits").test
    page = (file.parent / "index.html").read_text()
    assert "(wished: 1.6x smaller)" in page
    if available():
        x = test.x.float() / 255
        onnx = OnnxNetwork(file.parent / "network.onnx")
        assert torch.allclose(onnx(x), small(x), atol=1e-4)
        assert f"int8 of {told['chosen']} is right on" in told["verdict"]
    made = read_recipe(str(file.parent / "recipe.yaml"))
    assert made.title == "Compressing net" and [one.kind for one in made.statements] == ["keeps", "keeps"]
    natural = Accuracy(n_max=12, part="even")
    lost = 100 * (natural(trained, test.x, test.y).value - natural(small, test.x, test.y).value)
    assert chosen["lost"]["natural, to choose by"] == pytest.approx(lost, abs=1e-6)
    assert f"{told['chosen']} is as accurate as net" in told["verdict"]
    assert "Network: net-compressed/network.safetensors" in said.err
    again = cli(*words)
    assert json.loads(again.out) == told and again.err.count("stages are done already") == 2
    assert [line for line in again.err.splitlines() if "] seed 0" in line and "failed" not in line] == []
    ahead = cli(*words, "--dry-run")
    assert json.loads(ahead.out)["seconds"] == 0


def test_where_no_network_fulfils_the_wishes_it_says_which_was_the_expensive_one(
    cli: Cli, bundle: Path, tmp_path: Path
) -> None:
    granted = cli("compress", "net.safetensors", *QUICK, "--sparsity", "30%", "--keep-accuracy", "50")
    assert granted.code == 0, granted.err
    assert (tmp_path / "net-compressed" / "network.safetensors").exists()
    said = cli("compress", "net.safetensors", *QUICK, "--smaller", "90x", "--keep-accuracy", "0", "--json")
    told = json.loads(said.out)
    assert said.code == 1 and not told["granted"] and told["chosen"] is None
    assert told["verdict"].startswith(
        "No network that was tried is 90x smaller and keeps natural accuracy within 0 points of net. "
        "The expensive wish is 90x smaller: none goes so far"
    )
    assert not (tmp_path / "net-compressed" / "network.safetensors").exists()
    assert (tmp_path / "net-compressed" / "index.html").is_file()


def test_zeros_stay_in_place_and_are_as_many_as_was_wished(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    words = ("--sparsity", "40%", "--keep-accuracy", "50", "--out", "sparse", "--json")
    said = cli("compress", "net.safetensors", *QUICK, *words)
    assert said.code == 0, said.err
    told = json.loads(said.out)
    network = load(tmp_path / "sparse" / "network.safetensors").model
    weights = [network.get_parameter(name) for name in ("fc1.weight", "out.weight")]
    assert [tuple(weight.shape) for weight in weights] == [(64, 64), (10, 64)]
    zeros = sum(int((weight == 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights)
    chosen = next(one for one in told["tried"] if one["row"] == told["chosen"])
    assert chosen["sparsity"] == pytest.approx(zeros) and zeros > 0.399


def test_a_network_of_ones_own_is_made_faster_or_is_not(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "compressed_nets.py").write_text(NETS)
    words = ("--faster", "1.2x", "--keep-accuracy", "100", "--batch", "32", "--json")
    said = cli("compress", "compressed_nets:wide", *QUICK, *words)
    told = json.loads(said.out)
    fast = [one["row"] for one in told["tried"] if one["faster"] >= 1.2]
    assert said.code == (0 if fast else 1) and told["granted"] == bool(fast)
    assert all(one["faster"] > 0 for one in told["tried"])
    if fast:
        save_into = load(tmp_path / "wide-compressed" / "network.safetensors", factory="compressed_nets:wide").model
        assert save_into(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "compress: nothing is wished; write smaller 4x, faster 2x or sparsity 90%"),
        (["--smaller", "4"], "compress: smaller: how many times is wanted; write it with an x: 4x"),
        (["--smaller", "0.5x"], "compress: smaller: that would be no smaller and no faster"),
        (["--sparsity", "90"], "compress: sparsity: a fraction in [0, 1] is wanted; write 90% or 0.9"),
        (["--sparsity", "90%", "--faster", "2x"], "compress: sparsity leaves zeros in place"),
        (["--smaller", "4x", "--keep-robustness", "2"], "compress: keep_robustness wants the radius"),
        (["--smaller", "4x", "--eps", "8"], "write 8/255"),
        (["--smaller", "4x", "--epochs", "0"], "compress: epochs"),
        (["--smaller", "4x", "--tier", "quick"], "compress: tier"),
        (["--smaller", "4x", "--out", "net.safetensors"], "--out net.safetensors: is a file; give a folder"),
        (["--smaller", "4x", "--out", "."], "--out .: holds other files; give a new folder"),
        (["--smaller", "4x", "--data", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_what_is_typed_wrongly_is_one_line_and_nothing_is_written(
    cli: Cli, bundle: Path, tmp_path: Path, words: list[str], complaint: str
) -> None:
    data = [] if "--data" in words else ["--data", "digits"]
    assert complaint in refusal(cli("compress", "net.safetensors", *data, *words))
    assert not (tmp_path / "net-compressed").exists()


def test_the_network_to_compress_is_not_written_over(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    bundle.rename(tmp_path / "own" / "network.safetensors")
    said = cli("compress", "own/network.safetensors", "--data", "digits", "--smaller", "2x", "--out", "own")
    assert "its network.safetensors is the network to compress" in refusal(said)


def test_a_network_without_hidden_units_cannot_be_made_faster(cli: Cli, tmp_path: Path) -> None:
    save(tmp_path / "linear.safetensors", models.build({"kind": "mlp", "hidden": []}, num_classes=10, shape=(1, 8, 8)))
    said = cli("compress", "linear.safetensors", *QUICK, "--faster", "2x")
    assert said.code == 2 and "linear cannot be compressed: seed 0 · filters" in said.err.splitlines()[-1]
