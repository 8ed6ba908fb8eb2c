import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from blackthorn.errors import BundleError, StoreError
from blackthorn.objectives import CrossEntropy
from blackthorn.training import checkpoint, fit

from .networks import images, small

STATE = {"weights": {"a": torch.arange(3.0)}, "epoch": 2, "note": "x", "history": [{"loss": 0.5}]}


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.ckpt", STATE)
    state = checkpoint.load(tmp_path / "a.ckpt")
    assert torch.equal(state["weights"]["a"], torch.arange(3.0))
    assert (state["epoch"], state["note"], state["history"]) == (2, "x", [{"loss": 0.5}])
    assert os.listdir(tmp_path) == ["a.ckpt"]


class Evil:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return exec, (f"open({str(self.mark)!r}, 'w').write('x')",)


@pytest.mark.parametrize("wrap", [pickle.dumps, "torch", "torch in ours"])
def test_a_pickle_is_refused_and_never_unpickled(tmp_path: Path, wrap: object) -> None:
    mark, path = tmp_path / "mark", tmp_path / "evil.ckpt"
    if callable(wrap):
        path.write_bytes(wrap(Evil(mark)))
    elif wrap == "torch":
        torch.save(Evil(mark), path)
    else:
        torch.save({"format": "blackthorn-checkpoint-1", "model": Evil(mark)}, path)
    with pytest.raises(BundleError, match=r"evil\.ckpt: not a checkpoint of this program.*; delete it"):
        checkpoint.load(path)
    assert not mark.exists()


def written(path: Path) -> bytes:
    checkpoint.save(path, STATE)
    return path.read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"not a checkpoint\n",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2] + bytes(64) + data[len(data) // 2 + 64 :],
        lambda data: b"\x80" + data,
        lambda data: bytes(range(256)) * 8,
    ],
    ids=["empty", "text", "half", "one byte short", "a hole", "shifted", "noise"],
)
def test_a_spoilt_file_is_refused_in_one_line(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(spoil(written(path)))
    with pytest.raises(BundleError, match=r"a\.ckpt: not a checkpoint.*; delete it") as refused:
        checkpoint.load(path)
    assert "\n" not in str(refused.value)


def test_a_byte_that_flips_is_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    data = written(path)
    for position in range(0, len(data), 11):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :])
        try:
            state = checkpoint.load(path)
        except BundleError as refused:
            assert "\n" not in str(refused)
        else:
            assert torch.equal(state["weights"].pop("a"), torch.arange(3.0)), position
            assert {key: state[key] for key in STATE} == {**STATE, "weights": {}}, position


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(2)}}, tmp_path / "other.pt")
    with pytest.raises(BundleError, match="not a checkpoint of this version"):
        checkpoint.load(tmp_path / "other.pt")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme", "hello")
    with pytest.raises(BundleError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "other.zip")


def test_training_refuses_a_foreign_checkpoint_before_it_trains(tmp_path: Path) -> None:
    (tmp_path / "run.ckpt").write_text("hello")
    with pytest.raises(BundleError, match=r"run\.ckpt"):
        fit(small(), images(), CrossEntropy(), epochs=1, checkpoint=tmp_path / "run.ckpt")
    assert (tmp_path / "run.ckpt").read_text() == "hello"


@contextmanager
def a_disk_of(size: int) -> Iterator[None]:
    """Within: no file can grow beyond `size` bytes."""
    resource = pytest.importorskip("resource", reason="no limits on this system")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_a_plain_error_and_the_old_checkpoint_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    old = written(path)
    with (
        a_disk_of(100),
        pytest.raises(StoreError, match=r"a\.ckpt: the checkpoint cannot be written.*free some disk space") as refused,
    ):
        checkpoint.save(path, {"epoch": 3})
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["a.ckpt"]


def test_a_disk_that_fills_up_far_into_a_large_checkpoint_is_a_plain_error(tmp_path: Path) -> None:
    with a_disk_of(1_000_000), pytest.raises(StoreError, match="cannot be written") as refused:
        checkpoint.save(tmp_path / "a.ckpt", {"large": torch.zeros(1_000_000)})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_late_leaves_the_old_checkpoint(
    tmp_path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ckpt"
    old = written(path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(StoreError, match="No space left"):
        checkpoint.save(path, {"epoch": 3})
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["a.ckpt"]


def test_what_a_killed_process_left_half_written_is_in_no_ones_way(tmp_path: Path) -> None:
    (tmp_path / ".a.ckpt.0123456789abcdef.partial").write_bytes(b"half of a checkpoi")
    checkpoint.save(tmp_path / "a.ckpt", STATE)
    assert checkpoint.load(tmp_path / "a.ckpt")["epoch"] == 2


@pytest.mark.parametrize("where", ["missing/a.ckpt", "file/a.ckpt"])
def test_a_folder_that_is_none_is_a_plain_error(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        checkpoint.save(tmp_path / where, STATE)
