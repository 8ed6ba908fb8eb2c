"""Files for other runtimes give the network's logits at any batch, or are not written at all."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn import deploy, models
from blackthorn.attacks import PGD, Square, craft
from blackthorn.data import load_data
from blackthorn.deploy import OnnxNetwork, decouple, export, sparsify
from blackthorn.errors import BundleError, ModelError
from blackthorn.models import onnx_network
from blackthorn.pruning import FilterNorm, Magnitude, prune, shrink

pytestmark = pytest.mark.timeout(300)  # the exporter alone takes seconds to import
SHAPE = (1, 28, 28)


def small(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    return models.mlp(4, image_size=6, hidden=[5], **options)


def runs(path: Path, x: Tensor) -> Tensor:
    """What ONNX Runtime says of images, asked without any of our code."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [one.name for one in (*session.get_inputs(), *session.get_outputs())] == ["images", "logits"]
    return torch.from_numpy(session.run(None, {"images": x.numpy()})[0])


@pytest.fixture(scope="module")
def wang(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, deploy.Exported]:
    torch.manual_seed(0)
    model, x = models.wang_cnn().eval(), torch.rand(40, *SHAPE)
    folder = tmp_path_factory.mktemp("wang")
    return model, export(model, folder, ["int8", "onnx", "pt2"], images=x, calibrate=x)


@pytest.mark.slow
def test_files_give_the_networks_logits_at_batches_that_were_never_tried(wang: Any) -> None:
    model, done = wang
    for batch in (1, 3, 130):
        x = torch.rand(batch, *SHAPE)
        with torch.no_grad():
            wanted = model(x)
        torch.testing.assert_close(runs(done["onnx"].path, x), wanted, atol=1e-4, rtol=0)
        torch.testing.assert_close(torch.export.load(done["pt2"].path).module()(x), wanted, atol=1e-4, rtol=0)


def test_what_was_written_is_said(wang: Any) -> None:
    _, done = wang
    assert [file.path.name for file in done.files] == ["network.onnx", "network.pt2", "network.int8.onnx"]
    assert all(file.bytes == file.path.stat().st_size for file in done.files)
    assert done["onnx"].agreement.images == 16 + 40 and done["int8"].agreement.images == 40
    assert done["onnx"].agreement.decisions == 1 and done["onnx"].agreement.difference < 1e-4
    assert done["int8"].bytes < 0.4 * done["onnx"].bytes  # a fourth, and scales
    assert "network.onnx: 0.72 MB; logits differ by up to" in str(done) and done.changed == ()


def test_files_say_nothing_of_the_folders_that_they_were_made_in(wang: Any) -> None:
    _, done = wang
    for format in ("onnx", "int8"):
        content = done[format].path.read_bytes()
        assert b"site-packages" not in content and str(Path(deploy.__file__).parent).encode() not in content


def test_int8_rounds_and_keeps_most_decisions(wang: Any) -> None:
    import onnx

    model, done = wang
    operations = {node.op_type for node in onnx.load(done["int8"].path).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operations
    x = torch.rand(50, *SHAPE)
    with torch.no_grad():
        wanted = model(x)
    off = (runs(done["int8"].path, x) - wanted).abs().max()
    assert 1e-4 < float(off) < 0.1 * float(wanted.abs().max())


def test_an_onnx_network_is_a_module_that_is_copied_saved_and_loaded(wang: Any, tmp_path: Path) -> None:
    import copy

    model, done = wang
    network, x = OnnxNetwork(done["onnx"].path), torch.rand(2, *SHAPE)
    other = copy.deepcopy(network)
    assert torch.equal(other(x), network(x)) and not network(x).requires_grad
    other.load_state_dict(OnnxNetwork(done["int8"].path).state_dict())
    assert torch.equal(other(x), OnnxNetwork(done["int8"].path)(x))
    torch.set_num_threads(2)
    try:
        torch.testing.assert_close(network(x), model(x))
    finally:
        torch.set_num_threads(1)


def test_attacks_without_gradients_and_images_of_the_float_network_fool_it(wang: Any) -> None:
    model, done = wang
    int8, x = OnnxNetwork(done["int8"].path), torch.rand(12, *SHAPE)
    y = int8(x).argmax(1)
    asked = craft(Square(eps=0.3, queries=200), int8, x, y)
    assert asked.fooled.any() and not asked.alarms
    carried = craft(PGD(eps=0.3, steps=5), model, x, y, judge=int8)
    assert carried.fooled.any()
    assert torch.equal(int8(carried.x_adv).argmax(1) != y, carried.fooled)


@pytest.mark.filterwarnings("ignore::blackthorn.attacks.AttackWarning")
def test_following_its_gradients_is_an_alarm(wang: Any) -> None:
    _, done = wang
    int8, x = OnnxNetwork(done["int8"].path), torch.rand(3, *SHAPE)
    assert craft(PGD(eps=0.1, steps=2), int8, x, int8(x).argmax(1)).alarms


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shrunk", "sparse", "decoupled", "gated", "float64", "bfloat16"])
def test_whatever_form_a_network_is_in_its_file_computes_the_same(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.rand(4, *SHAPE)
    model: nn.Module = models.wang_cnn().eval()
    said = ""
    if kind == "shrunk":
        model = shrink(model, prune(model, FilterNorm(), sparsity=0.5, scope="per_layer", x=x), example=x)
    elif kind in ("sparse", "bfloat16"):
        prune(model, Magnitude(), sparsity=0.98)
        model = sparsify(model, example=x, batch=1, repeats=2, bfloat16=kind == "bfloat16").model
    elif kind == "decoupled":
        net, x = (
            nn.Sequential(nn.Conv2d(1, 3, 3, 2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)),
            x[:, :, :8, :8],
        )
        model, said = decouple(net.eval(), x), "were made convolutions again: 0"
    elif kind == "gated":
        from ..deploy.test_gates import X, gated

        model, x, said = gated({"kind": "wide_resnet", "depth": 10, "widen": 1}), X, "gates were folded"
    else:
        model, said = model.double(), "weights in float64 were exported in float32"
    done = export(model, tmp_path, ["onnx"], images=x)
    with torch.no_grad():
        wanted = model(x.double() if kind == "float64" else x).float()
    if kind != "bfloat16":
        torch.testing.assert_close(runs(done["onnx"].path, x), wanted, atol=1e-4, rtol=1e-4)
    assert said in str(done)


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(36, 4)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out(x.flatten(1))
        return logits + 0.1 * torch.randn_like(logits)


class Branching(Noisy):
    def forward(self, x: Tensor) -> Tensor:
        return self.out(x.flatten(1)) * (2.0 if float(x.sum()) > 1e4 else 1.0)


class Fixed(Noisy):
    """Computes something else at batch 1, which a trace of two images does not see."""

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out(x.flatten(1))
        return logits if torch.compiler.is_compiling() else logits + 1


@pytest.mark.parametrize(
    "model, formats, words",
    [
        (Noisy(), ["pt2"], "Noisy draws random numbers whenever it is asked"),
        (Branching(), ["pt2"], "torch.export cannot follow the network"),
        (Fixed(), ["pt2"], "its logits differ by 1, where the largest is"),
        (small(), ["tflite"], "there is no format 'tflite'"),
        (small(), [], "no format is given"),
        (small(), ["int8"], "int8 wants training images"),
    ],
)
def test_what_cannot_be_exported_leaves_no_file_and_one_line(
    model: nn.Module, formats: Any, words: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    with pytest.raises(ModelError, match=words) as raised:
        export(model, folder, formats, example_shape=(1, 6, 6))
    assert "\n" not in str(raised.value) and not folder.exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="cannot be written"):
        export(small(), tmp_path / "file" / "out", ["pt2"])


def test_without_onnx_runtime_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_network, "available", lambda: False)
    with pytest.raises(ModelError, match=r"pip install 'blackthorn\[export\]'"):
        export(small(), tmp_path, ["onnx"])
    assert export(small(), tmp_path, ["pt2"])["pt2"].path.is_file()


def test_networks_that_answer_in_their_own_way_are_exported_as_logits(tmp_path: Path) -> None:
    class Own(nn.Module):
        def __init__(self, answer: str) -> None:
            super().__init__()
            self.answer, self.out = answer, nn.Linear(36, 1 if answer == "sigmoid" else 4)

        def forward(self, x: Tensor) -> Any:
            logits = self.out(x.flatten(1))
            if self.answer == "object":
                return SimpleNamespace(logits=logits)
            return {"dict": {"logits": logits}, "tuple": (logits, x), "sigmoid": torch.sigmoid(logits)}[self.answer]

    x = torch.rand(5, 1, 6, 6)
    for answer in ("dict", "tuple", "sigmoid", "object"):
        model = Own(answer)
        read = torch.export.load(export(model, tmp_path, ["pt2"], images=x)["pt2"].path).module()(x)
        with torch.no_grad():
            torch.testing.assert_close(read, models.outputs.logits_from(model, x))


def test_the_network_is_left_as_it_was(tmp_path: Path) -> None:
    model = small().train()
    before = {name: held.clone() for name, held in model.state_dict().items()}
    state = torch.get_rng_state()
    export(model, tmp_path, ["pt2"])
    assert model.training and all(one.requires_grad for one in model.parameters())
    assert all(torch.equal(held, before[name]) for name, held in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.long
def test_a_trained_network_keeps_its_accuracy_in_int8(tmp_path: Path) -> None:
    from blackthorn.measuring import Accuracy
    from blackthorn.objectives import CrossEntropy
    from blackthorn.training import fit

    splits = load_data("digits")
    torch.manual_seed(0)
    model = models.mlp(10, image_size=8, hidden=[64])
    fit(model, splits.train, CrossEntropy(), epochs=10)
    done = export(model, tmp_path, ["int8"], images=splits.test.x, calibrate=splits.train.x[:200])
    assert done["int8"].agreement.decisions > 0.97
    measured = [Accuracy()(one, splits.test.x, splits.test.y) for one in (model, OnnxNetwork(done["int8"].path))]
    assert abs(measured[0].value - measured[1].value) < 0.02
