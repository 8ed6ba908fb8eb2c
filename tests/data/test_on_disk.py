"""Images that do not fit into memory: the same numbers from disk, and nothing believed that is damaged."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from blackthorn.data import Crop, Flip, OnDisk, batches, load_data, pixels, save_data
from blackthorn.data.memory import allowed, machine_memory
from blackthorn.errors import DataError

from .conftest import pixels as noise
from .conftest import write_parquet
from .test_cache import file_of, same


def damaged(file: Path) -> None:
    """Change one bit of the last image."""
    with open(file, "r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        last = opened.read(1)[0]
        opened.seek(-1, os.SEEK_END)
        opened.write(bytes([last ^ 1]))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A parquet folder of 60 + 20 colour images of 9 x 7 in three classes."""
    folder = tmp_path / "photographs"
    write_parquet(folder / "train-0.parquet", list(noise(60, 9, 7, 3)), [0, 1, 2] * 20, names=["a", "b", "c"])
    write_parquet(folder / "test-0.parquet", list(noise(20, 9, 7, 3, seed=1)), [0, 1] * 10, names=["a", "b", "c"])
    return folder


@pytest.mark.parametrize("options", [{}, {"train": 31, "test": 7}, {"valid": 0.2, "resize": 6}])
def test_whole_epochs_are_the_same_from_disk_and_from_memory(photographs: Path, options: dict[str, object]) -> None:
    held = load_data(photographs, memory="1 GiB", **options)  # type: ignore[arg-type]
    kept = load_data(photographs, memory=0, **options)  # type: ignore[arg-type]
    assert isinstance(kept.train.x, OnDisk) and isinstance(held.train.x, torch.Tensor)
    assert kept.fingerprint == held.fingerprint
    for split in ("train", "valid", "test"):
        one, other = getattr(held, split), getattr(kept, split)
        for epoch in range(3):
            both = zip(
                *(
                    batches(images, 8, seed=5, epoch=epoch, augment=[Crop(pad=1), Flip()], drop_last=epoch == 2)
                    for images in (one, other)
                ),
                strict=True,
            )
            assert all(torch.equal(x, x_) and torch.equal(y, y_) for (x, y), (x_, y_) in both)
        assert torch.equal(pixels(one.x), pixels(other.x))
        assert (len(one), one.x.shape, one.x.dtype, one.x.ndim) == (len(other), other.x.shape, other.x.dtype, 4)


def test_a_file_that_was_decoded_to_disk_is_the_one_that_was_decoded_in_memory(photographs: Path, cache: Path) -> None:
    from safetensors.torch import load_file

    load_data(photographs, memory=0)
    grown = load_file(file_of(cache))
    file_of(cache).unlink()
    load_data(photographs)
    stored = load_file(file_of(cache))
    assert grown.keys() == stored.keys()
    assert all(torch.equal(grown[name], stored[name]) for name in stored)


def test_what_was_decoded_to_disk_is_read_into_memory_where_it_fits_and_the_other_way_round(
    photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = load_data(photographs, memory=0)
    monkeypatch.setattr("blackthorn.data.hub.read_folder", None)
    held = load_data(photographs)
    assert isinstance(held.train.x, torch.Tensor)
    assert held.fingerprint == kept.fingerprint
    assert isinstance(load_data(photographs, memory=0).test.x, OnDisk)


def test_few_images_of_many_are_read_into_memory(photographs: Path) -> None:
    each = 9 * 7 * 3
    few = load_data(photographs, train=5, test=4, valid=0, memory=9 * each)
    assert all(isinstance(images.x, torch.Tensor) for images in (few.train, few.test))
    assert same(few, load_data(photographs, train=5, test=4, valid=0))
    assert isinstance(load_data(photographs, train=5, test=4, valid=0, memory=9 * each - 1).train.x, OnDisk)


def test_they_answer_indexing_as_a_tensor_does(photographs: Path) -> None:
    held, kept = load_data(photographs).train, load_data(photographs, memory=0).train
    flags = held.y == 1
    for index in (
        slice(3, 9),
        slice(None, None, 7),
        torch.tensor([4, 1, 1]),
        [2, 0],
        flags,
        torch.tensor([], dtype=int),
    ):
        assert torch.equal(held.x[index], kept.x[index])
        some, others = held.subset(index), kept.subset(index)  # type: ignore[arg-type]
        assert isinstance(others.x, OnDisk)
        assert torch.equal(some.x[:], others.x[:]) and torch.equal(some.y, others.y)
    assert torch.equal(held.x[2], kept.x[2]) and torch.equal(held.x[-1], kept.x[-1])
    with pytest.raises(IndexError):
        kept.x[len(held)]
    assert kept.to("cpu") is kept
    assert torch.equal(pickle.loads(pickle.dumps(kept)).x[:], held.x)
    assert kept.x.to("meta")[:2].device.type == "meta"


def test_no_more_is_read_at_once_than_memory_is_allowed(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackthorn.data.on_disk._LEAST", 0)
    kept = load_data(photographs, memory=10 * 9 * 7 * 3).train
    assert len(kept.x[:10]) == 10
    with pytest.raises(DataError, match=r"11 images at once take 2,079 bytes, .*1,890 bytes.*n_max.*data.memory"):
        kept.x[:11]


@pytest.mark.parametrize(
    "damage", [lambda file: os.truncate(file, file.stat().st_size - 9), lambda file: file.write_bytes(b"")]
)
def test_a_file_of_another_length_is_made_again(photographs: Path, cache: Path, damage: Callable[[Path], None]) -> None:
    wanted = load_data(photographs, memory=0).train.x[:]
    damage(file_of(cache))
    assert torch.equal(load_data(photographs, memory=0).train.x[:], wanted)


def test_a_damaged_image_is_noticed_before_it_is_used_and_the_file_to_delete_is_named(
    photographs: Path, cache: Path
) -> None:
    whole = load_data(photographs, memory=0).test.x[:]
    damaged(file_of(cache))
    test = load_data(photographs, memory=0).test
    assert torch.equal(test.x[:-1], whole[:-1])  # the others may be used
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            list(batches(test, 4, seed=0))
        assert str(caught.value) == (
            f"{file_of(cache)}: damaged at image 19; delete this file and run again, and it is made anew"
        )
    file_of(cache).unlink()
    assert torch.equal(load_data(photographs, memory=0).test.x[:], whole)


def test_a_file_cut_while_it_is_in_use_is_an_error_and_no_crash(photographs: Path, cache: Path) -> None:
    test = load_data(photographs, memory=0).test
    os.truncate(file_of(cache), 2000)
    with pytest.raises(DataError, match="damaged at image"):
        test.x[:]


def test_images_are_compared_with_their_checksums_once(photographs: Path, cache: Path) -> None:
    test = load_data(photographs, memory=0).test
    list(batches(test, 4, seed=0))
    damaged(file_of(cache))
    list(batches(test, 4, seed=1))  # read before, and not compared again
    with pytest.raises(DataError, match="damaged"):
        load_data(photographs, memory=0).test.x[:]


_DECODE = """
import sys, os, signal
from blackthorn.data import load_data, gathering, hub, decode
gathering._SAFE_EVERY, hub._ROWS = 1000, 5
stack, rows = decode.Decoder.stack, 0
def counted(self, images):
    global rows
    rows += len(images)
    if rows > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return stack(self, images)
decode.Decoder.stack = counted
print(load_data(sys.argv[1], memory=0).fingerprint, rows)
"""


def decoded(folder: Path, killed_after: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _DECODE, str(folder), str(killed_after)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_killed_decoding_goes_on_where_it_was_and_gives_the_same(photographs: Path, cache: Path) -> None:
    wanted = load_data(photographs).fingerprint
    file_of(cache).unlink()
    assert decoded(photographs, 32).returncode == -signal.SIGKILL
    assert not list(cache.glob("*.safetensors"))
    assert decoded(photographs, 32).returncode == -signal.SIGKILL
    third = decoded(photographs, 10_000)
    found, rows = third.stdout.split()
    assert found == wanted
    assert int(rows) < 80 - 2 * 20  # of 80 images, what two killed attempts had done is not done again
    assert sorted(path.suffix for path in cache.iterdir() if "photographs" in path.name) == [".lock", ".safetensors"]


@pytest.mark.slow
def test_what_another_source_or_a_cut_file_left_is_not_gone_on_with(photographs: Path, cache: Path) -> None:
    wanted = load_data(photographs).fingerprint
    file_of(cache).unlink()
    assert decoded(photographs, 32).returncode == -signal.SIGKILL
    (left,) = cache.glob("*.unfinished")
    os.truncate(left, left.stat().st_size - 5)
    found, rows = decoded(photographs, 10_000).stdout.split()
    assert found == wanted and int(rows) == 81  # the first image is looked at twice


@pytest.mark.slow
def test_of_two_processes_one_decodes_and_the_other_waits(photographs: Path) -> None:
    command = [sys.executable, "-c", _DECODE, str(photographs), "10000"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate()[0].split() for process in both)
    assert said[0][0] == said[1][0]
    assert sorted(int(rows) for _, rows in said) == [0, 81]


def test_progress_counts_every_image(photographs: Path) -> None:
    told: list[tuple[str, int, int]] = []
    load_data(photographs, memory=0, progress=lambda *what: told.append(what))
    assert told[-3] == ("decoding the images, once", 80, 80)
    assert [text for text, *_ in told[-2:]] == ["checking train", "checking test"]
    load_data(photographs, memory=0, progress=lambda *_: pytest.fail("nothing is left to do"))


def test_a_cache_that_cannot_be_written_is_refused_in_one_line(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BLACKTHORN_CACHE", str(tmp_path / "file" / "inside"))
    with pytest.raises(DataError) as caught:
        load_data(photographs, memory=0)
    assert "cannot be written (Not a directory), and images of 15,120 bytes that do not fit" in str(caught.value)
    assert "BLACKTHORN_CACHE" in str(caught.value) and "\n" not in str(caught.value)
    assert isinstance(load_data(photographs).train.x, torch.Tensor)


def test_a_disk_without_room_is_refused_before_anything_is_written(
    photographs: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=15_000))  # 15,120 for pixels alone
    said = r"the images take 17,192 bytes on disk, and 15,000 bytes are free; make room, or set BLACKTHORN_CACHE"
    with pytest.raises(DataError, match=said):
        load_data(photographs, memory=0)
    assert not list(cache.glob("*.unfinished"))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=18_000))
    load_data(photographs, memory=0)


@pytest.mark.slow
def test_a_disk_that_fills_up_on_the_way_is_one_line_too_and_the_work_is_kept(photographs: Path, cache: Path) -> None:
    limit = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
"""
    command = [sys.executable, "-c", limit + _DECODE, str(photographs), "10000"]
    failed = subprocess.run(command, capture_output=True, text=True)
    assert "File too large" in failed.stderr.splitlines()[-1]
    assert "cannot be written" in failed.stderr.splitlines()[-1]
    assert decoded(photographs, 10_000).returncode == 0


@pytest.mark.parametrize(
    ("said", "size"),
    [(0, 0), ("2 GiB", 2**31), ("500MB", 500_000_000), (123_456, 123_456), ("1.5 kB", 1500), ("77", 77)],
)
def test_memory_in_bytes(said: float | str, size: int) -> None:
    assert allowed(said) == size


def test_memory_as_a_share_of_the_machines() -> None:
    assert allowed("25%") == allowed(0.25) == int(0.25 * machine_memory())
    assert allowed(1) == machine_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize("said", ["much", -1, "120%", "3 lbs", True, "", "1e9"])
def test_memory_that_says_nothing_is_refused(said: float | str) -> None:
    with pytest.raises(DataError, match="memory: read"):
        allowed(said)


def test_images_on_disk_are_saved_as_a_data_set_as_those_in_memory_are(photographs: Path, tmp_path: Path) -> None:
    save_data(load_data(photographs, memory=0), tmp_path / "again", about="# Again")
    wanted, found = load_data(photographs), load_data(tmp_path / "again")
    for split in ("train", "valid", "test"):
        assert torch.equal(getattr(found, split).x, getattr(wanted, split).x)
        assert torch.equal(getattr(found, split).y, getattr(wanted, split).y)
