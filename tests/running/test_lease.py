"""Leases: one owner at a time, taken over from who is dead or stands still, and a stalled owner cannot finish."""

import errno
import fcntl
import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from blackthorn.errors import StoreError
from blackthorn.files import write_whole
from blackthorn.running import Folder
from blackthorn.running import lease as module
from blackthorn.running.lease import LostError

KEY = "0123456789ab"


def leases(store: Path) -> set[str]:
    return {path.name for path in (store / "locks").glob("*.lease")}


def stands_still(store: Folder, number: int = 0) -> None:
    """As if the owner had not renewed its lease for an hour."""
    then = time.time() - 3600
    os.utime(store.folder / "locks" / (f"{KEY}.{number}.lease" if number else f"{KEY}.lease"), (then, then))


def elsewhere(store: Folder, seconds: float) -> None:
    """A lease of a process on another machine, whose locks are not seen here, renewed so many seconds ago."""
    path = store.folder / "locks" / f"{KEY}.lease"
    path.write_text("another machine")
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_stage_is_worked_on_by_one_at_a_time(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    with store.lease(KEY) as first, store.lease(KEY) as second, store.lease("ba9876543210") as other:
        assert first is not None and second is None and other is not None
        assert store.in_work(KEY)
    assert not store.in_work(KEY)
    with store.lease(KEY) as again:
        assert again is not None and again.number == 1


def test_a_finished_stage_leaves_no_lease(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    with pytest.raises(KeyError), store.lease(KEY), store.work(f"train-{KEY}"):
        raise KeyError
    assert leases(tmp_path) == {f"{KEY}.lease"}
    with store.lease(KEY) as lease, store.work(f"train-{KEY}", lease) as folder:
        assert folder.name == f"train-{KEY}.1.partial"
    assert store.done(f"train-{KEY}") and leases(tmp_path) == set()


def test_what_an_attempt_left_goes_to_the_next(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    for number in range(4):
        with pytest.raises(KeyError), store.lease(KEY) as lease, store.work(f"train-{KEY}", lease) as folder:
            (folder / f"{number}").touch()
            raise KeyError
    with store.lease(KEY) as lease, store.work(f"train-{KEY}", lease) as folder:
        assert {path.name for path in folder.iterdir()} == {"0", "1", "2", "3"}
    assert [path.name for path in (tmp_path / "stages").iterdir()] == [f"train-{KEY}"]


def test_an_owner_on_another_machine_is_believed_while_it_renews_its_lease(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    elsewhere(store, module.STALE - 10)
    with store.lease(KEY) as lease:
        assert lease is None
    elsewhere(store, module.STALE + 10)
    with store.lease(KEY) as lease:
        assert lease is not None and lease.number == 1


def test_of_two_that_find_a_stalled_owner_one_takes_over(tmp_path: Path) -> None:
    """Also where no lock is passed on: a file that must not be there yet is made by one of them."""
    store = Folder(tmp_path)
    elsewhere(store, module.STALE + 10)
    (tmp_path / "locks" / f"{KEY}.1.lease").write_text("a third machine")
    with store.lease(KEY) as lease:
        assert lease is None


def test_a_lease_is_renewed_while_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", 0.01)
    store = Folder(tmp_path)
    with store.lease(KEY):
        stands_still(store)
        end = time.monotonic() + 10
        while time.time() - (tmp_path / "locks" / f"{KEY}.lease").stat().st_mtime > 1800:
            assert time.monotonic() < end, "nothing renews it"
            time.sleep(0.01)


def test_an_owner_that_stood_still_cannot_write_into_its_successors_work_nor_finish(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    with ExitStack() as first:
        old = first.enter_context(store.lease(KEY))
        stale = store.work(f"train-{KEY}", old)
        folder = stale.__enter__()
        write_whole(folder / "checkpoint", b"old")
        stands_still(store)

        with store.lease(KEY) as new, store.work(f"train-{KEY}", new) as ours:  # although `old` still holds its lock
            assert old is not None and new is not None and new.number == 1
            assert (ours / "checkpoint").read_bytes() == b"old"  # gone on with
            with pytest.raises(FileNotFoundError):
                write_whole(folder / "checkpoint", b"too late")
            with pytest.raises(LostError):
                stale.__exit__(None, None, None)
            assert not store.done(f"train-{KEY}")
            write_whole(ours / "checkpoint", b"new")
        assert (store.stage(f"train-{KEY}") / "checkpoint").read_bytes() == b"new"
    assert store.faults(f"train-{KEY}") == []


def test_who_comes_second_to_the_finish_keeps_nothing(tmp_path: Path) -> None:
    """The old owner was stopped between its last look at its lease and the rename."""
    store = Folder(tmp_path)
    with pytest.raises(LostError), store.lease(KEY) as lease, store.work(f"train-{KEY}", lease) as folder:
        (folder / "ours").touch()
        with store.work(f"train-{KEY}x") as other:
            (other / "theirs").touch()
        store.stage(f"train-{KEY}x").rename(tmp_path / "stages" / f"train-{KEY}")
    assert [path.name for path in (tmp_path / "stages").iterdir()] == [f"train-{KEY}"]
    assert (store.stage(f"train-{KEY}") / "theirs").exists()


def test_a_store_without_locks_is_refused_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a mount without `flock`: the system says that it does not know the call."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    store = Folder(tmp_path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    asked = pytest.raises(StoreError, match=r"files cannot be locked there.*give another folder with --store")
    with asked, store.lease(KEY):
        pass
