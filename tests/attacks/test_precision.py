from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks.precision import resolve_for
from blackthorn.speed.precision import arithmetic, resolve


@pytest.fixture(autouse=True)
def _nothing_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLACKTHORN_CACHE", str(tmp_path))


def test_what_is_asked_for_is_not_measured() -> None:
    model = nn.Linear(2, 2)
    assert resolve_for("bf16", model, torch.rand(1, 2)) == "bf16"
    assert resolve_for("float32", model, torch.rand(1, 2)) == "float32"


def test_auto_decides_once_for_a_network_of_one_shape() -> None:
    calls = []

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(7, 3)

        def forward(self, x: Tensor) -> Tensor:
            calls.append(1)
            return self.layer(x)

    first = resolve_for("auto", Counting(), torch.rand(5, 7))
    measured = len(calls)
    assert measured and resolve_for("auto", Counting(), torch.rand(5, 7)) == first
    assert len(calls) == measured


@pytest.mark.parametrize("decided", ["float32", "bf16"])
def test_another_process_on_this_machine_decides_alike(tmp_path: Path, decided: str) -> None:
    resolve_for("auto", nn.Linear(7, 3), torch.rand(5, 7))
    (remembered,) = (path for path in (tmp_path / "precision").iterdir() if not path.suffix)
    remembered.write_text(decided)
    assert resolve_for("auto", nn.Linear(7, 3), torch.rand(5, 7)) == decided


@pytest.mark.parametrize("written", ["", "fp8", "float32\n"])
def test_a_damaged_memory_is_measured_anew(tmp_path: Path, written: str) -> None:
    resolve_for("auto", nn.Linear(7, 3), torch.rand(5, 7))
    (remembered,) = (path for path in (tmp_path / "precision").iterdir() if not path.suffix)
    remembered.write_text(written)
    resolve_for("auto", nn.Linear(7, 3), torch.rand(5, 7))
    assert remembered.read_text() in ("float32", "bf16")


def test_without_a_folder_to_remember_in_it_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BLACKTHORN_CACHE", str(tmp_path / "file"))
    assert resolve_for("auto", nn.Linear(7, 3), torch.rand(5, 7)) in ("float32", "bf16")


def test_auto_takes_float32_where_an_operation_has_no_bf16() -> None:
    class Float32Only(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if torch.is_autocast_enabled("cpu"):
                raise RuntimeError("not implemented for 'BFloat16'")
            return x

    assert resolve_for("auto", Float32Only(), torch.rand(5, 7)) == "float32"


def test_a_fault_of_the_network_itself_is_not_hidden() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        resolve_for("auto", Broken(), torch.rand(5, 7))


def test_bf16_arithmetic_is_autocast() -> None:
    with arithmetic("bf16", torch.device("cpu")):
        assert nn.Linear(2, 2)(torch.rand(1, 2)).dtype == torch.bfloat16
    with arithmetic("float32", torch.device("cpu")):
        assert nn.Linear(2, 2)(torch.rand(1, 2)).dtype == torch.float32


def test_whatever_is_slower_in_bf16_runs_in_float32() -> None:
    def work() -> None:
        size = 600 if torch.is_autocast_enabled("cpu") else 10
        torch.rand(size, size) @ torch.rand(size, size)

    assert resolve("auto", work, torch.device("cpu"), ("slow in bf16",)) == "float32"


def test_situations_are_remembered_apart() -> None:
    timed = []
    for situation in (("a", 1), ("a", 2), ("a", 1)):
        resolve("auto", lambda s=situation: timed.append(s), torch.device("cpu"), situation)  # type: ignore[misc]
    assert set(timed) == {("a", 1), ("a", 2)} and timed.count(("a", 1)) == timed.count(("a", 2))
