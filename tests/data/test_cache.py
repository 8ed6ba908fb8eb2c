import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from blackthorn.data import Splits, load_data
from blackthorn.data.cache import cached
from blackthorn.data.gathering import Sink

from .conftest import pixels, write_parquet


def same(one: Splits, other: Splits) -> bool:
    pairs = [(getattr(one, split), getattr(other, split)) for split in ("train", "valid", "test")]
    return one.fingerprint == other.fingerprint and all(
        torch.equal(a.x, b.x) and torch.equal(a.y, b.y) and a.classes == b.classes for a, b in pairs
    )


def tiny(sink: Sink) -> None:
    sink.begin({"train": torch.tensor([0, 1, 0])}, ("a", "b"), (1, 4, 4))
    sink.add("train", torch.arange(48, dtype=torch.uint8).view(3, 1, 4, 4))


def file_of(cache: Path) -> Path:
    (file,) = cache.glob("*.safetensors")
    return file


def test_the_second_loading_is_the_first_and_decodes_nothing(bees: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_data(bees)
    monkeypatch.setattr("blackthorn.data.hub.read_folder", None)
    assert same(load_data(bees), first)


@pytest.mark.slow
def test_a_cached_loading_imports_neither_datasets_nor_pillow_nor_sklearn(bees: Path) -> None:
    load_data(bees)
    load_data("digits")
    lines = [
        "import sys, blackthorn as bt",
        f"bt.load_data({str(bees)!r}); bt.load_data('digits')",
        "print([name for name in ('datasets', 'PIL', 'sklearn', 'pyarrow') if name in sys.modules])",
    ]
    result = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_changed_files_are_read_again(bees: Path) -> None:
    load_data(bees)
    write_parquet(bees / "test-00000-of-00001.parquet", list(pixels(4, 6, 5)), [0, 1] * 2)
    assert len(load_data(bees).test) == 4


def test_other_options_are_other_entries(bees: Path, cache: Path) -> None:
    load_data(bees)
    assert load_data(bees, resize=3).shape == (1, 3, 3)
    assert load_data(bees, valid=2, train=10).shape == (1, 6, 5)
    assert len(list(cache.glob("*.safetensors"))) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "flip", "nonsense"])
def test_a_damaged_entry_is_made_again(bees: Path, cache: Path, damage: str) -> None:
    first = load_data(bees)
    whole = file_of(cache).read_bytes()
    middle = len(whole) - 500
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    file_of(cache).write_bytes({"cut": whole[:-100], "empty": b"", "flip": flipped, "nonsense": b"x" * 999}[damage])
    assert same(load_data(bees), first)
    assert file_of(cache).read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, bees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_data(bees)
    (tmp_path / "file").touch()
    monkeypatch.setenv("BLACKTHORN_CACHE", str(tmp_path / "file" / "inside"))
    assert same(load_data(bees), first)


def test_a_full_disk_leaves_no_file_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    assert len(cached("tiny", 1, tiny, most=999).parts["train"]) == 3
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_changing_a_loaded_tensor_changes_no_file(bees: Path) -> None:
    load_data(bees)
    load_data(bees).train.x.zero_()
    assert load_data(bees).train.x.sum() > 0


@pytest.mark.slow
def test_a_process_killed_while_writing_leaves_nothing_that_is_believed(cache: Path) -> None:
    script = """
import os, signal, torch, safetensors.torch as st
from blackthorn.data.cache import cached
def half(tensors, path, metadata):
    path.write_bytes(b"half a file")
    os.kill(os.getpid(), signal.SIGKILL)
st.save_file = half
def read(sink):
    sink.begin({"train": torch.tensor([0, 1, 0])}, ("a", "b"), (1, 4, 4))
    sink.add("train", torch.zeros(3, 1, 4, 4, dtype=torch.uint8))
cached("tiny", 1, read, most=999)
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == -signal.SIGKILL
    (left,) = cache.glob(".*.partial")
    assert cached("tiny", 1, tiny, most=999).parts["train"].x.sum() == sum(range(48))
    assert left.exists()  # it might belong to a living process

    os.utime(left, (time.time() - 7200,) * 2)
    file_of(cache).unlink()
    cached("tiny", 1, tiny, most=999)
    assert not left.exists()


def test_whoever_wants_the_same_at_the_same_time_waits_for_the_one_that_reads() -> None:
    calls = []

    def slow(sink: Sink) -> None:
        calls.append(1)
        time.sleep(0.1)
        tiny(sink)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: cached("tiny", 1, slow, most=999).digests, range(4)))
    assert len(calls) == 1
    assert found == found[:1] * 4
