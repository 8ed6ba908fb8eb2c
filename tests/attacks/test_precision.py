from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import precision
from blackthorn.speed.precision import arithmetic, choose


@pytest.fixture(autouse=True)
def _nothing_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLACKTHORN_CACHE", str(tmp_path))
    monkeypatch.setattr(precision, "_measured", {})


def test_what_is_asked_for_is_not_measured() -> None:
    model = nn.Linear(2, 2)
    assert choose("bf16", model, torch.rand(1, 2)) == "bf16"
    assert choose("float32", model, torch.rand(1, 2)) == "float32"


def test_auto_decides_once_for_a_network_of_one_shape() -> None:
    calls = []

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(7, 3)

        def forward(self, x: Tensor) -> Tensor:
            calls.append(1)
            return self.layer(x)

    first = choose("auto", Counting(), torch.rand(5, 7))
    measured = len(calls)
    assert measured and choose("auto", Counting(), torch.rand(5, 7)) == first
    assert len(calls) == measured


@pytest.mark.parametrize("decided", ["float32", "bf16"])
def test_another_process_on_this_machine_decides_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decided: str
) -> None:
    choose("auto", nn.Linear(7, 3), torch.rand(5, 7))
    (remembered,) = (path for path in (tmp_path / "precision").iterdir() if not path.suffix)
    remembered.write_text(decided)
    monkeypatch.setattr(precision, "_measured", {})
    assert choose("auto", nn.Linear(7, 3), torch.rand(5, 7)) == decided


@pytest.mark.parametrize("written", ["", "fp8", "float32\n"])
def test_a_damaged_memory_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    choose("auto", nn.Linear(7, 3), torch.rand(5, 7))
    (remembered,) = (path for path in (tmp_path / "precision").iterdir() if not path.suffix)
    remembered.write_text(written)
    monkeypatch.setattr(precision, "_measured", {})
    choose("auto", nn.Linear(7, 3), torch.rand(5, 7))
    assert remembered.read_text() in ("float32", "bf16")


def test_without_a_folder_to_remember_in_it_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BLACKTHORN_CACHE", str(tmp_path / "file"))
    assert choose("auto", nn.Linear(7, 3), torch.rand(5, 7)) in ("float32", "bf16")


def test_auto_takes_float32_where_an_operation_has_no_bf16() -> None:
    class Float32Only(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if torch.is_autocast_enabled("cpu"):
                raise RuntimeError("not implemented for 'BFloat16'")
            return x

    assert choose("auto", Float32Only(), torch.rand(5, 7)) == "float32"


def test_a_fault_of_the_network_itself_is_not_hidden() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        choose("auto", Broken(), torch.rand(5, 7))


def test_bf16_arithmetic_is_autocast() -> None:
    with arithmetic("bf16", torch.device("cpu")):
        assert nn.Linear(2, 2)(torch.rand(1, 2)).dtype == torch.bfloat16
    with arithmetic("float32", torch.device("cpu")):
        assert nn.Linear(2, 2)(torch.rand(1, 2)).dtype == torch.float32
