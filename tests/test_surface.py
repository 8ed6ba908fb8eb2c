"""The names and calls that other people's scripts stand on."""

import subprocess
import sys

import pytest
import torch

import blackthorn as bt

PACKAGES = [
    "attacks", "bounds", "channels", "claims", "data", "deploy", "gates", "measuring", "models",
    "objectives", "pruning", "recipes", "report", "results", "running", "training",
]  # fmt: skip


def test_the_top_level_names_are_these() -> None:
    calls = ["audit", "compress", "fit", "load_data", "read_results", "run", "ship", "write_report"]
    assert bt.__all__ == sorted([*PACKAGES, "__version__", *calls])
    assert all(hasattr(bt, name) for name in bt.__all__) and dir(bt) == bt.__all__


def test_functions_at_the_top_are_those_of_their_packages() -> None:
    assert bt.fit is bt.training.fit and bt.load_data is bt.data.load_data


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'atacks'"):
        bt.atacks  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_of_a_package_exist_once(package: str) -> None:
    module = getattr(bt, package)
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


def in_a_fresh_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_importing_the_library_does_not_wait_for_torch_and_a_package_is_loaded_when_used() -> None:
    code = "import sys, blackthorn as bt; a = 'torch' in sys.modules; bt.attacks; print(a, 'torch' in sys.modules)"
    assert in_a_fresh_process(code) == "False True"


@pytest.mark.slow
def test_importing_any_package_loads_none_of_the_heavy_libraries() -> None:
    heavy = ["datasets", "sklearn", "altair", "vl_convert", "PIL", "pandas", "pyarrow", "foolbox", "art"]
    code = f"import sys, blackthorn as bt; [getattr(bt, p) for p in bt.__all__]; print(set({heavy}) & set(sys.modules))"
    assert in_a_fresh_process(code) == "set()"


def test_importing_the_library_is_a_matter_of_milliseconds() -> None:
    code = "import time; start = time.perf_counter(); import blackthorn; print(time.perf_counter() - start)"
    assert min(float(in_a_fresh_process(code)) for _ in range(3)) < 0.3


def test_the_script_of_the_readme_runs() -> None:
    splits = bt.load_data("digits", resize=28)
    model = bt.models.wang_cnn(num_classes=10)
    x, y = splits.test.x[:16].float() / 255, splits.test.y[:16]
    assert splits.train.x.dtype == torch.uint8 and splits.train.x.shape[1:] == (1, 28, 28)
    assert splits.valid.y.dtype == splits.test.y.dtype == torch.int64

    attack = bt.attacks.PGD(norm="linf", eps=0.3, steps=40, step_size=0.01, loss="ce")
    with pytest.warns(bt.attacks.AttackWarning, match="cannot cross"):  # 40 steps of 0.01 are less than 0.6
        x_adv = attack(model, x, y)
    assert x_adv.dtype == torch.float32 and x_adv.min() >= 0 and x_adv.max() <= 1
    assert (x_adv - x).abs().max() <= 0.3 + 1e-6

    with pytest.warns(bt.attacks.AttackWarning):
        crafted = bt.attacks.craft(attack, model, x, y, batch_size=250)
    assert crafted.fooled.dtype == torch.bool and crafted.fooled.shape == (16,)
    with torch.no_grad():
        assert torch.equal(model.eval()(crafted.x_adv).argmax(1) != y, crafted.fooled)

    masks = bt.pruning.prune(model, bt.pruning.Magnitude(), sparsity=0.98, scope="global")
    assert bt.pruning.sparsity(model).weights == pytest.approx(0.98, abs=1e-4)
    small = bt.pruning.shrink(model, masks, example=x[:1])
    with torch.no_grad():
        assert torch.allclose(small.eval()(x), model(x), atol=1e-5)


@pytest.mark.parametrize("name", ["mlp", "parana_cnn", "wang_cnn", "lenet5_caffe", "vgg16", "resnet18", "wrn28_4"])
def test_networks_are_built_by_their_names(name: str) -> None:
    assert callable(getattr(bt.models, name))
