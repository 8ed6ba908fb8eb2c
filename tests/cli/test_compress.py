"""Compressing somebody's trained network from the command line: what comes out, and every wrong word in one line."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from torch import nn

from blackthorn import load_data, models
from blackthorn.deploy import load, push, save
from blackthorn.measuring import Accuracy
from blackthorn.models import onnx_network
from blackthorn.models.onnx_network import OnnxNetwork, available
from blackthorn.objectives import CrossEntropy
from blackthorn.recipes.reading import read_recipe
from blackthorn.training import fit

from ..deploy.local_hub import TOKEN, local_hub, point_to
from .conftest import Cli, Said, refusal, typed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
QUICK = ("--data", "digits", "--epochs", "1", "--images", "12")
WISHED = ("--smaller", "1.6x", "--keep-accuracy", "60", "--license", "mit", "--json")
SMALLER = ("compress", "net.safetensors", *QUICK, *WISHED)
NETS = """
from torch import nn

def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
"""


@pytest.fixture(scope="session")
def trained() -> nn.Module:
    """A network on digits that has more units than it needs."""
    torch.manual_seed(0)
    model = models.mlp(image_size=8, hidden=[64])
    fit(model, load_data("digits").train, CrossEntropy(), epochs=6, seed=1)
    return model


@pytest.fixture
def bundle(trained: nn.Module, tmp_path: Path) -> Path:
    save(tmp_path / "net.safetensors", trained)
    return tmp_path / "net.safetensors"


@pytest.fixture(scope="session")
def smaller(trained: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said, Said]:
    """A folder with a network, its store and what a compression left; what was said ahead of it, and by it."""
    folder: Path = tmp_path_factory.mktemp("smaller")
    save(folder / "net.safetensors", trained)
    ahead = typed(folder, *SMALLER, "--dry-run")
    assert not list((folder / "runs").glob("stages/*")) and not (folder / "net-compressed").exists()
    return folder, ahead, typed(folder, *SMALLER)


def test_a_smaller_file_comes_out_with_its_page_and_its_recipe(
    smaller: tuple[Path, Said, Said], trained: nn.Module
) -> None:
    folder, ahead, said = smaller
    assert ahead.code == 0 and '"label": "seed 0 · filters 50% · train 1 epoch"' in ahead.out
    assert said.code == 0, said.err
    told, bundle = json.loads(said.out), folder / "net.safetensors"
    file = folder / "net-compressed" / "network.safetensors"
    chosen = next(one for one in told["tried"] if one["row"] == told["chosen"])
    assert told["granted"]
    assert 1.6 <= chosen["smaller"] == pytest.approx(bundle.stat().st_size / file.stat().st_size, rel=0.05)
    small, test = load(file).model, load_data("digits").test
    assert "(wished: 1.6x smaller)" in (file.parent / "index.html").read_text()
    made = read_recipe(str(file.parent / "recipe.yaml"))
    assert made.title == "Compressing net" and [one.kind for one in made.statements] == ["keeps", "keeps"]
    natural = Accuracy(n_max=12, part="even")
    lost = 100 * (natural(trained, test.x, test.y).value - natural(small, test.x, test.y).value)
    assert chosen["lost"]["natural, to choose by"] == pytest.approx(lost, abs=1e-6)
    assert f"{told['chosen']} is as accurate as net" in told["verdict"]
    assert "Network: net-compressed/network.safetensors" in said.err


def test_one_folder_has_every_file_and_a_card_that_the_hub_reads(smaller: tuple[Path, Said, Said]) -> None:
    folder, _, said = smaller
    told, out = json.loads(said.out), folder / "net-compressed"
    files = ["network.safetensors", "network.pt2", "recipe.yaml", "README.md"]
    files += ["network.onnx", "network.int8.onnx"] if available() else []
    assert told["files"] == {name: f"net-compressed/{name}" for name in told["files"]}
    assert sorted(told["files"]) == sorted(files) and all((out / name).is_file() for name in [*files, "index.html"])
    card, text = ModelCard.load(out / "README.md"), (out / "README.md").read_text()
    _, results = model_index_to_eval_results(card.data.to_dict()["model-index"])
    with (out / "results.csv").open() as lines:
        held = {line["metric"]: float(line["value"]) for line in csv.DictReader(lines) if line["row"] == told["chosen"]}
    values = {one.metric_name.partition(" (")[0]: round(100 * one.metric_value, 2) for one in results}
    names = {"Accuracy" if name == "natural" else f"Accuracy under {name}": share for name, share in held.items()}
    assert values == {name: share for name, share in names.items() if not re.search("to choose by|planted", name)}
    assert card.data.license == "mit" and f"# {told['chosen']}" in text and "| `network.pt2` |" in text


@pytest.mark.skipif(not available(), reason="the extra export is not installed")
def test_files_give_the_logits_of_the_network_and_the_page_says_what_int8_did(
    smaller: tuple[Path, Said, Said],
) -> None:
    folder, _, said = smaller
    out, chosen = folder / "net-compressed", json.loads(said.out)["chosen"]
    x = load_data("digits").test.x.float() / 255
    wanted = load(out / "network.safetensors").model(x)
    assert torch.allclose(OnnxNetwork(out / "network.onnx")(x), wanted, atol=1e-4)
    assert torch.allclose(torch.export.load(out / "network.pt2").module()(x), wanted, atol=1e-4)
    for text in (json.loads(said.out)["verdict"], (out / "README.md").read_text(), (out / "index.html").read_text()):
        assert f"When {chosen} was quantised to int8, " in text and "cannot be told from 12 images" in text
        assert "accuracy on images made on the network before (transferred 8/255)" in text
        assert "accuracy under attack (square 8/255)" in text and "Its robust accuracy is at most" in text


def test_nothing_is_done_twice(smaller: tuple[Path, Said, Said]) -> None:
    folder, _, said = smaller
    again = typed(folder, *SMALLER)
    assert json.loads(again.out) == json.loads(said.out) and again.err.count("stages are done already") == 2
    assert [line for line in again.err.splitlines() if "] seed 0" in line and "failed" not in line] == []
    failed = {words for line in again.err.splitlines() if "failed" in line for words in re.findall(r"\d+%", line)}
    ahead = json.loads(typed(folder, *SMALLER, "--dry-run").out)
    left = [one["label"] for one in ahead["stages"] if not one["done"]]
    assert all(any(f"weights {rate}" in label for rate in failed) for label in left), (left, failed)


def test_the_folder_goes_to_the_hub_and_is_audited_compressed_and_exported_from_there(
    smaller: tuple[Path, Said, Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = smaller[0] / "net-compressed"
    with local_hub() as hub:
        point_to(hub, monkeypatch, tmp_path)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        push(out, "ada/digits")
        assert hub.files["ada/digits"].keys() >= {"network.safetensors", "README.md", "recipe.yaml", "index.html"}
        said = typed(tmp_path, "audit", "hf://ada/digits", "--data", "digits", "--images", "12", "--json")
        assert said.code == 0, said.err
        told = json.loads(said.out)
        assert told["network"] == "digits" and told["report"] == "runs/reports/audit-digits-screen/index.html"
        said = typed(tmp_path, "compress", "hf://ada/digits", *QUICK, "--smaller", "1.6x", "--dry-run")
        assert said.code == 0 and "filters 50%" in said.out, said.err
        said = typed(tmp_path, "export", "hf://ada/digits@main", "--formats", "pt2")
        assert said.code == 0, said.err
        x = torch.rand(3, 1, 8, 8)
        wanted = load(out / "network.safetensors").model(x)
        assert torch.allclose(torch.export.load(tmp_path / "exported" / "network.pt2").module()(x), wanted, atol=1e-4)
        said = typed(tmp_path, "audit", "hf://ada/none", "--data", "digits")
        assert refusal(said).startswith("hf://ada/none: no such repository")


@pytest.fixture(scope="session")
def sparse(trained: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A folder with a network, and what a compression to 40 % zeros left in `sparse`, without the extra `export`."""
    folder: Path = tmp_path_factory.mktemp("sparse")
    save(folder / "net.safetensors", trained)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_network, "available", lambda: False)
        words = ("--sparsity", "40%", "--keep-accuracy", "50", "--out", "sparse", "--json")
        return folder, typed(folder, "compress", "net.safetensors", *QUICK, *words)


def test_zeros_stay_in_place_and_are_as_many_as_was_wished(sparse: tuple[Path, Said]) -> None:
    folder, said = sparse
    assert said.code == 0, said.err
    told = json.loads(said.out)
    network = load(folder / "sparse" / "network.safetensors").model
    weights = [network.get_parameter(name) for name in ("fc1.weight", "out.weight")]
    assert [tuple(weight.shape) for weight in weights] == [(64, 64), (10, 64)]
    zeros = sum(int((weight == 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights)
    chosen = next(one for one in told["tried"] if one["row"] == told["chosen"])
    assert chosen["sparsity"] == pytest.approx(zeros) and zeros > 0.399
    assert "network.onnx" not in told["files"] and "pip install 'blackthorn[export]'" in " ".join(told["notes"])


def test_where_no_network_fulfils_the_wishes_it_says_which_was_the_expensive_one(sparse: tuple[Path, Said]) -> None:
    folder = sparse[0]
    shutil.copytree(folder / "sparse", folder / "net-compressed")
    wish = ("--smaller", "90x", "--keep-accuracy", "0", "--json")
    said = typed(folder, "compress", "net.safetensors", *QUICK, *wish)
    told = json.loads(said.out)
    assert said.code == 1 and not told["granted"] and told["chosen"] is None
    assert told["verdict"].startswith(
        "No network that was tried is 90x smaller and keeps natural accuracy within 0 points of net. "
        "The expensive wish is 90x smaller: none goes so far"
    )
    left = {path.name for path in (folder / "net-compressed").iterdir() if path.suffix != ".csv"}
    assert left == {"index.html", "recipe.yaml", "records", "figures"}


def test_a_network_of_ones_own_is_made_faster_or_is_not(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_network, "available", lambda: False)
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
        (["--smaller", "4x", "--license", "my own"], "--license my own: one of the hub's words is wanted, such as mit"),
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
