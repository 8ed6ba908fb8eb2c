"""Files appear whole or not at all, also when two processes write the same one."""

import multiprocessing
from pathlib import Path

import pytest

from blackthorn.files import cache_folder, in_place_of, one_line, write_whole


def _write_often(path: Path, letter: bytes) -> None:
    for _ in range(40):
        write_whole(path, letter * 100_000)


def test_two_processes_may_write_the_same_file_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(path, letter)) for letter in (b"a", b"b")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 100_000 and len(set(content)) == 1
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    write_whole(path, b"old")
    with pytest.raises(RuntimeError), in_place_of(path) as aside:
        aside.write_bytes(b"half")
        raise RuntimeError("stopped")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere" / "file", b"")


def test_a_new_file_can_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.write_bytes(b"")
    write_whole(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == usual.stat().st_mode


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BLACKTHORN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("BLACKTHORN_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "blackthorn"


def test_an_error_is_one_line() -> None:
    assert one_line(ValueError("first\n  second")) == "first second"
    assert one_line(ValueError()) == "ValueError" and one_line(ValueError("word " * 100), most=9) == "word word"
