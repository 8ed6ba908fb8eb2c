"""What `precision: auto` stands for: decided once, kept in the store, and part of addresses where it is bf16."""

import json
from pathlib import Path

import pytest
import torch

from blackthorn.errors import StoreError
from blackthorn.recipes import plan
from blackthorn.running import Arithmetic, Folder
from blackthorn.running import arithmetic as module

from ..recipes.test_addresses import splits
from ..recipes.tiny import read, tiny

MODEL = {"kind": "mlp", "hidden": [4]}


def resolve(store: Path, device: str | None = "cpu") -> Arithmetic:
    return Arithmetic(Folder(store), splits(), None if device is None else torch.device(device))


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine on which bf16 is faster; each timing is noted down."""
    found: list[str] = []

    def choose(asked: str, model: torch.nn.Module, x: torch.Tensor) -> str:
        found.append(f"{asked} {tuple(x.shape)}")
        return "bf16"

    monkeypatch.setattr(module, "resolve_for", choose)
    return found


def test_an_architecture_is_timed_once_at_its_batch_size_and_the_store_remembers(
    tmp_path: Path, timed: list[str]
) -> None:
    asked = resolve(tmp_path)
    assert [asked(MODEL, 3), asked(MODEL, 3), resolve(tmp_path)(MODEL, 3)] == ["bf16"] * 3
    assert timed == ["auto (3, 1, 28, 28)"]
    assert resolve(tmp_path)({"kind": "mlp", "hidden": [5]}, 3) == "bf16" and len(timed) == 2


def test_a_report_takes_what_the_store_knows_or_else_float32(tmp_path: Path, timed: list[str]) -> None:
    assert resolve(tmp_path, None)(MODEL, 3) == "float32"
    resolve(tmp_path)(MODEL, 3)
    assert resolve(tmp_path, None)(MODEL, 3) == "bf16" and len(timed) == 1


def test_float32_moves_no_address_and_bf16_moves_all_that_asked_for_auto(tmp_path: Path) -> None:
    recipe = read(tmp_path, tiny("measures", "pgd", "precision", to="float32"))
    plain, slow, fast = (plan(recipe, splits(), *more) for more in ((), (lambda *_: "float32",), (lambda *_: "bf16",)))
    assert [stage.key for stage in plain.stages] == [stage.key for stage in slow.stages]
    assert not {stage.key for stage in fast.stages} & {stage.key for stage in plain.stages}  # all build on a training
    assert {stage.precision for stage in fast.stages if stage.value.precision == "auto"} == {"bf16"}
    assert {stage.precision for stage in fast.stages if stage.value.precision != "auto"} == {"float32"}


@pytest.mark.parametrize("text", ["", "[]", '{"a": {"b": "float16"}}', '{"a": 3}'])
def test_a_file_that_is_not_ours_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    Folder(tmp_path)
    (tmp_path / "precision.json").write_text(text)
    with pytest.raises(StoreError, match=r"precision\.json: cannot be read"):
        resolve(tmp_path)(MODEL, 3)


def test_what_is_kept_says_for_which_machine(tmp_path: Path, timed: list[str]) -> None:
    resolve(tmp_path)(MODEL, 3)
    ((machine, chosen),) = next(iter(json.loads((tmp_path / "precision.json").read_text()).values())).items()
    assert chosen == "bf16" and torch.__version__ in machine and str(torch.get_num_threads()) in machine
