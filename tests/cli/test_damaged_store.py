"""Files of a store that are not as a stage wrote them: one line that names the file and what to do, never a guess."""

import io
import json
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from ..recipes.tiny import tiny, write
from .conftest import Cli, refusal


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return exec, ("open('sprung', 'w').close()",)


def saved_by_torch(thing: object) -> bytes:
    out = io.BytesIO()
    torch.save(thing, out)
    return out.getvalue()


def saved_by_numpy(thing: object, **options: bool) -> bytes:
    out = io.BytesIO()
    np.save(out, thing, **options)  # type: ignore[arg-type]  # anything, on purpose
    return out.getvalue()


FOREIGN: dict[str, bytes] = {
    "empty": b"",
    "text": b"hello\n",
    "pickle": pickle.dumps(Trap()),
    "torch": saved_by_torch(Trap()),
    "safetensors": save({"a": torch.zeros(2)}),
    "numpy object": saved_by_numpy(np.array([Trap()], dtype=object), allow_pickle=True),
    "numpy floats": saved_by_numpy(np.zeros(40)),
    "numpy square": saved_by_numpy(np.zeros((4, 10), dtype=bool)),
    "numpy short": saved_by_numpy(np.zeros(7, dtype=bool)),
    "list": b"[1, 2]\n",
    "zip": b"PK\x03\x04nothing more",
}


def spoil(file: Path, how: str) -> None:
    """As in a store of an older version, whose readers had to find out by themselves."""
    (file.parent / "checksums.json").unlink(missing_ok=True)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if how == "half" else FOREIGN[how])


def stage(store: Path, kind: str, number: int = 0) -> Path:
    return sorted(store.glob(f"stages/{kind}-*"), key=lambda folder: folder.stat().st_mtime_ns)[number]


@pytest.fixture(autouse=True)
def recipe(tmp_path: Path) -> Path:
    return write(tmp_path, tiny())


@pytest.mark.parametrize("how", ["half", "empty", "text", "pickle", "torch", "safetensors", "zip"])
def test_a_network_that_is_not_ours_is_refused(cli: Cli, store: Path, tmp_path: Path, how: str) -> None:
    file = stage(store, "train") / "network.safetensors"
    spoil(file, how)
    shutil.rmtree(stage(store, "prune"))  # so that the network is read again

    said = cli("run", "r.yaml", "--store", str(store))

    assert said.code == 2
    line = said.err.splitlines()[-1]
    assert line.startswith("blackthorn: seed 0 · weight 50% · prune")
    assert str(file) in line
    assert f"delete the folder {file.parent} and run again" in line
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("records.jsonl", "half"),
        ("records.jsonl", "empty"),
        ("records.jsonl", "list"),
        ("records.jsonl", "zip"),
        ("flags.npy", "half"),
        ("flags.npy", "empty"),
        ("flags.npy", "text"),
        ("flags.npy", "pickle"),
        ("flags.npy", "numpy object"),
        ("flags.npy", "numpy floats"),
        ("flags.npy", "numpy square"),
        ("flags.npy", "numpy short"),
        ("stage.json", "half"),
        ("stage.json", "empty"),
        ("stage.json", "list"),
        ("examples.safetensors", "half"),
        ("examples.safetensors", "text"),
        ("examples.safetensors", "safetensors"),
        ("examples.safetensors", "torch"),
    ],
)
def test_a_measurement_that_is_not_ours_is_refused(cli: Cli, store: Path, tmp_path: Path, name: str, how: str) -> None:
    files = sorted(store.glob(f"stages/accuracy-*/{name}"))
    for file in files:
        spoil(file, how)

    line = refusal(cli("report", "r.yaml", "--store", str(store)))

    assert any(str(file) in line for file in files), line
    assert "run again" in line
    assert not (tmp_path / "sprung").exists()
    assert not list(store.glob("reports/*/index.html"))


@pytest.mark.parametrize("how", ["empty", "text", "pickle", "torch", "safetensors", "zip"])
def test_a_checkpoint_that_is_not_ours_is_refused(cli: Cli, store: Path, tmp_path: Path, how: str) -> None:
    folder = stage(store, "train")
    partial = folder.with_name(folder.name + ".partial")
    folder.rename(partial)
    (partial / "checkpoint.pt").write_bytes(FOREIGN[how])

    said = cli("run", "r.yaml", "--store", str(store))

    assert said.code == 2
    line = said.err.splitlines()[-1]
    assert str(partial / "checkpoint.pt") in line
    assert "delete it to train from the start" in line
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_of_another_network_is_refused(cli: Cli, store: Path) -> None:
    folder = stage(store, "train")
    partial = folder.with_name(folder.name + ".partial")
    folder.rename(partial)
    state = {"format": "blackthorn-checkpoint-1", "model": torch.nn.Linear(2, 2).state_dict(), "history": []}
    torch.save(state, partial / "checkpoint.pt")

    said = cli("run", "r.yaml", "--store", str(store))

    assert said.code == 2
    assert str(partial / "checkpoint.pt") in said.err.splitlines()[-1]


def test_a_stage_whose_files_are_gone_is_refused(cli: Cli, store: Path) -> None:
    folder = stage(store, "accuracy")
    (folder / "records.jsonl").unlink()
    assert f"delete the folder {folder} and run again" in refusal(cli("report", "r.yaml", "--store", str(store)))


@pytest.mark.slow
def test_deleting_the_folder_and_running_again_repairs_the_store(cli: Cli, store: Path, finished: Path) -> None:
    folder = stage(store, "accuracy")
    spoil(folder / "records.jsonl", "half")
    shutil.rmtree(folder)
    assert cli("run", "r.yaml", "--store", str(store)).code == 0
    ours, before = (
        json.loads((place / "records.jsonl").read_text()) for place in (folder, finished / "stages" / folder.name)
    )
    assert ours["value"] == before["value"]


@pytest.mark.parametrize("name", ["records.jsonl", "flags.npy", "stage.json", "examples.safetensors"])
def test_one_changed_bit_of_a_measurement_is_refused(cli: Cli, store: Path, name: str) -> None:
    for file in store.glob(f"stages/accuracy-*/{name}"):
        whole = bytearray(file.read_bytes())
        whole[-2] ^= 1
        file.write_bytes(whole)
    line = refusal(cli("report", "r.yaml", "--store", str(store)))
    assert name in line and "its content has changed since it was written" in line and "run again" in line
    assert name in refusal(cli("store", "--verify", "--store", str(store)))


def test_one_changed_bit_of_a_network_is_not_used_downstream(cli: Cli, store: Path) -> None:
    file = stage(store, "train") / "network.safetensors"
    whole = bytearray(file.read_bytes())
    whole[-2] ^= 1
    file.write_bytes(whole)
    shutil.rmtree(stage(store, "prune"))
    said = cli("run", "r.yaml", "--store", str(store))
    assert said.code == 2
    assert f"{file}: cannot be read (its content has changed since it was written)" in said.err.splitlines()[-1]


def test_a_whole_store_is_verified(cli: Cli, store: Path) -> None:
    said = cli("store", "--verify", "--store", str(store))
    assert (said.code, said.out) == (
        0,
        "9 finished stages, none without checksums; every file with a checksum is as it was written\n",
    )
    stage(store, "prune").joinpath("network.safetensors").unlink()
    assert "network.safetensors: No such file" in refusal(cli("store", "--verify", "--store", str(store)))
    assert "holds no stages" in refusal(cli("store", "--verify", "--store", "nowhere"))


def test_a_store_of_an_older_version_opens_and_says_so_once(cli: Cli, store: Path) -> None:
    for file in store.glob("stages/*/checksums.json"):
        file.unlink()
    said = cli("report", "r.yaml", "--store", str(store))
    assert said.code == 0
    assert said.err.splitlines().count("9 of the stages have no checksums: an older version made them") == 1


@pytest.mark.parametrize(
    ("field", "to"), [("value", 0.955), ("value", -1), ("high", 3), ("n", 10**400), ("value", 10**400), ("low", 0.99)]
)
def test_numbers_that_cannot_be_are_refused_also_without_checksums(
    cli: Cli, store: Path, field: str, to: float
) -> None:
    folder = stage(store, "accuracy")
    (folder / "checksums.json").unlink()
    record = json.loads((folder / "records.jsonl").read_text())
    record |= {"value": 0.5, "low": 0.4, "high": 0.6, field: to}
    (folder / "records.jsonl").write_text(json.dumps(record) + "\n")
    assert f"{folder / 'records.jsonl'}: cannot be read" in refusal(cli("report", "r.yaml", "--store", str(store)))


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_changed_byte_anywhere_is_named_or_changes_no_number(cli: Cli, finished: Path, tmp_path: Path) -> None:
    """A hundred times: `verify` names the file, and a report is refused or has the numbers it had."""
    chance = random.Random(0)
    assert cli("report", "r.yaml", "--store", str(shutil.copytree(finished, tmp_path / "whole"))).code == 0
    whole = (tmp_path / "whole" / "reports" / "r-full" / "results.csv").read_bytes()
    refused = 0
    for time in range(100):
        store = Path(shutil.copytree(finished, tmp_path / f"store{time}"))
        file = chance.choice([path for path in sorted(store.glob("stages/*/*")) if path.name != "checksums.json"])
        content = bytearray(file.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
        assert str(file) in refusal(cli("store", "--verify", "--store", str(store)))
        said = cli("report", "r.yaml", "--store", str(store))
        if said.code == 2:
            assert str(file) in said.err
            refused += 1
        else:
            assert (store / "reports" / "r-full" / "results.csv").read_bytes() == whole
        shutil.rmtree(store)
    assert refused > 20
