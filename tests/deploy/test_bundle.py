import copy
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from blackthorn import models
from blackthorn.deploy import load, save
from blackthorn.errors import BundleError
from blackthorn.pruning import FilterNorm, Magnitude, prune, shrink

FACTORY = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes, width):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU())
        self.again, self.out = nn.Linear(width, width, bias=False), nn.Linear(width, num_classes)
        self.other = nn.Linear(width, width, bias=False)
        self.other.weight = self.again.weight
        self.register_buffer("scale", torch.rand(width), persistent=False)

    def forward(self, x):
        x = self.scale * self.body(x).mean((2, 3))
        return self.out(self.other(torch.relu(self.again(x))))


def net(num_classes, width=8):
    return Net(num_classes, width)
"""
READ = """
import sys, torch
from blackthorn.deploy import load
torch.set_num_threads(1)
path, factory, images, logits = sys.argv[1:]
torch.save(load(path, factory=factory or None).model(torch.load(images)).detach(), logits)
"""


@pytest.fixture
def my_nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_nets.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_nets", raising=False)
    return "my_nets:net"


def wang(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return models.wang_cnn(10).eval()


def images(channels: int, side: int) -> Tensor:
    return torch.rand(3, channels, side, side)


def logits_elsewhere(path: Path, x: Tensor, factory: str = "") -> Tensor:
    """The logits that a fresh process computes from the bundle."""
    torch.save(x, path.with_name("images"))
    paths = [str(path), factory, str(path.with_name("images")), str(path.with_name("logits"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", READ, *paths], check=True, cwd=path.parent, env=environment)
    read: Tensor = torch.load(path.with_name("logits"))
    return read


@pytest.mark.slow
def test_a_masked_network_gives_the_same_logits_in_a_fresh_process(tmp_path: Path) -> None:
    model, x = wang(), images(1, 28)
    masks = prune(model, Magnitude(), sparsity=0.9)
    save(tmp_path / "net.safetensors", model, masks=masks)
    assert torch.equal(logits_elsewhere(tmp_path / "net.safetensors", x), model(x))


@pytest.mark.slow
def test_a_shrunk_network_of_ones_own_gives_the_same_logits_in_a_fresh_process(tmp_path: Path, my_nets: str) -> None:
    model, x = (
        models.build({"kind": my_nets, "width": 12}, num_classes=4, shape=(3, 9, 9)).eval(),
        images(3, 9),
    )
    small = shrink(model, prune(model, FilterNorm(include_linear=True), sparsity=0.5, coupled=True), example=x)
    assert small.body[0].out_channels == 6
    save(tmp_path / "net.safetensors", small)
    assert torch.equal(logits_elsewhere(tmp_path / "net.safetensors", x, my_nets), small(x))


@pytest.mark.parametrize("build", [models.lenet5_caffe, models.mlp])
def test_masks_and_about_come_back(tmp_path: Path, build: type[nn.Module]) -> None:
    model = build(10)
    masks = prune(model, Magnitude(), sparsity=0.5, scope="per_layer")
    about = {"accuracy": 0.99, "recipe": "wang", "seeds": [0, 1]}
    save(tmp_path / "net.safetensors", model, masks=masks, about=about)
    bundle = load(tmp_path / "net.safetensors")
    assert (bundle.masks, bundle.about) == (masks, about)
    assert bundle.model.architecture == model.architecture and not bundle.model.training


@pytest.mark.slow
def test_a_shrunk_residual_network_comes_back_whole(tmp_path: Path) -> None:
    model, x = models.wrn28_4(10).eval(), images(3, 32)
    small = shrink(model, prune(model, FilterNorm(), sparsity=0.5, coupled=True), example=x)
    save(tmp_path / "net.safetensors", small)
    assert torch.equal(load(tmp_path / "net.safetensors").model(x), small(x))
    assert (tmp_path / "net.safetensors").stat().st_size < 0.5 * 4 * 5_849_050


def test_loading_draws_nothing_from_the_generator(tmp_path: Path) -> None:
    save(tmp_path / "net.safetensors", wang())
    chance = torch.get_rng_state()
    load(tmp_path / "net.safetensors")
    assert torch.equal(chance, torch.get_rng_state())


def test_a_network_that_cannot_take_its_images_is_refused_when_it_is_saved(tmp_path: Path) -> None:
    model = wang()
    model.conv1 = nn.Conv2d(5, 32, 3)
    with pytest.raises(BundleError, match="cannot take images"):
        save(tmp_path / "net.safetensors", model)


def test_a_network_in_float64_is_loaded_in_float64(tmp_path: Path) -> None:
    model, x = wang().double().eval(), torch.rand(3, 1, 28, 28, dtype=torch.float64)
    save(tmp_path / "net.safetensors", model)
    assert torch.equal(load(tmp_path / "net.safetensors").model(x), model(x))


def test_a_tied_weight_is_stored_once_and_tied_again(tmp_path: Path, my_nets: str) -> None:
    model = models.build(my_nets, num_classes=4, shape=(3, 9, 9))
    save(tmp_path / "net.safetensors", model)
    loaded = load(tmp_path / "net.safetensors", factory=my_nets).model
    assert loaded.other.weight is loaded.again.weight
    assert torch.equal(loaded.scale, model.scale)


def test_code_that_a_file_names_is_not_run_unasked(tmp_path: Path, my_nets: str) -> None:
    save(tmp_path / "net.safetensors", models.build(my_nets, num_classes=4, shape=(3, 9, 9)))
    with pytest.raises(BundleError, match=r"built by 'my_nets:net'.*factory='my_nets:net'"):
        load(tmp_path / "net.safetensors")


def test_a_factory_that_is_gone_is_named(tmp_path: Path, my_nets: str) -> None:
    save(tmp_path / "net.safetensors", models.build(my_nets, num_classes=4, shape=(3, 9, 9)))
    (tmp_path / "my_nets.py").write_text("")
    sys.modules.pop("my_nets", None)
    with pytest.raises(BundleError, match=r"net.safetensors: my_nets:net: 'my_nets' has no 'net'"):
        load(tmp_path / "net.safetensors", factory=my_nets)


class Scaled(nn.Module):
    """A network made by hand, whose output has its logits in a dict."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.fc, self.scale = nn.Linear(4, 3), scale

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.scale * self.fc(x.flatten(1))}


def test_a_network_made_by_hand_is_read_into_one_of_its_class(tmp_path: Path) -> None:
    model, file, x = Scaled(2.0), tmp_path / "net.safetensors", torch.rand(5, 1, 2, 2)
    save(file, model, example_shape=(1, 2, 2))
    read = load(file, into=Scaled(2.0)).model
    assert torch.equal(read(x)["logits"], model(x)["logits"])
    with pytest.raises(BundleError, match="this is not the network that was saved"):
        load(file, into=Scaled(3.0))
    with pytest.raises(BundleError, match=r"weights of a Scaled, which no function builds; give one: into=Scaled\("):
        load(file)


def test_a_network_made_by_hand_does_not_say_which_images_it_takes(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"which images a Linear takes; give example_shape=\(channels"):
        save(tmp_path / "net.safetensors", nn.Linear(2, 2))


def test_masks_that_do_not_hold_are_refused(tmp_path: Path) -> None:
    model = wang()
    masks = prune(copy.deepcopy(model), Magnitude(), sparsity=0.5)
    with pytest.raises(BundleError, match=r"is not zero where its mask says; call masks.apply_\(model\)"):
        save(tmp_path / "net.safetensors", model, masks=masks)


def test_masks_of_the_unshrunk_network_are_refused(tmp_path: Path) -> None:
    model = wang()
    masks = prune(model, FilterNorm(), sparsity=0.5)
    small = shrink(model, masks, example=images(1, 28))
    with pytest.raises(BundleError, match="a shrunk network is saved without masks"):
        save(tmp_path / "net.safetensors", small, masks=masks)


def test_about_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="about= may hold text, finite numbers"):
        save(tmp_path / "net.safetensors", wang(), about={"accuracy": float("nan")})


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, x = tmp_path / "net.safetensors", images(1, 28)
    save(path, wang(0))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BundleError, match=r"was not written \(No space left on device\); free some space"):
        save(path, wang(1))
    assert torch.equal(load(path).model(x), wang(0)(x))
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file or directory"):
        save(tmp_path / "none" / "net.safetensors", wang())


def truncated(path: Path) -> None:
    save(path, wang())
    path.write_bytes(path.read_bytes()[:100_000])


def pickled(path: Path) -> None:
    torch.save(wang().state_dict(), path)


def of_a_later_version(path: Path) -> None:
    save_file({"a": torch.ones(1)}, path, metadata={"blackthorn": json.dumps({"version": 4})})


def with_other_tensors(path: Path) -> None:
    header = {"version": 1, "architecture": wang().architecture, "masked": False, "about": {}}
    save_file({"model.conv1.weight": torch.ones(1)}, path, metadata={"blackthorn": json.dumps(header)})


def with_a_broken_shape(path: Path) -> None:
    header = {"version": 1, "architecture": wang().architecture, "masked": False, "about": {}}
    tensors = {f"model.{name}": tensor.clone() for name, tensor in wang().state_dict().items()}
    tensors["model.conv2.weight"] = tensors["model.conv2.weight"][:, :3].clone()
    save_file(tensors, path, metadata={"blackthorn": json.dumps(header)})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "cannot be read: No such file"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b""), "damaged or no safetensors file"),
        (lambda path: path.write_text("hello"), "damaged or no safetensors file"),
        (truncated, "damaged or no safetensors file"),
        (pickled, "is a pickle"),
        (lambda path: save_file({"a": torch.ones(1)}, path), "without architecture"),
        (lambda path: save_file({"a": torch.ones(1)}, path, metadata={"blackthorn": "{"}), "damaged header"),
        (of_a_later_version, "of version 4, this is 3"),
        (with_other_tensors, "'conv1.bias' of 'wang_cnn' is not in it"),
        (with_a_broken_shape, "wang_cnn cannot take images"),
    ],
)
def test_what_is_no_bundle_gets_one_line(tmp_path: Path, make: object, says: str) -> None:
    path = tmp_path / "net.safetensors"
    make(path)  # type: ignore[operator]
    with pytest.raises(BundleError, match=says) as caught:
        load(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.slow
def test_a_header_of_any_length_is_no_pickle(tmp_path: Path) -> None:
    """The file begins with the header's length, which may read like the first bytes of a pickle or a zip."""
    lengths = set()
    for words in range(0, 1500, 4):  # the header is padded to multiples of 8
        save(tmp_path / "net.safetensors", models.mlp(hidden=(2,), image_size=2), about={"note": "x" * words})
        lengths.add(int.from_bytes((tmp_path / "net.safetensors").read_bytes()[:2], "little"))
        assert load(tmp_path / "net.safetensors").about == {"note": "x" * words}
        if {0x0480, 0x0580} <= lengths:
            return
    raise AssertionError("no header of these lengths came about")
