"""A name is a name, a folder's content is what its files hold, and a data set reads nothing outside its folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from blackthorn.data import load_data
from blackthorn.errors import DataError

from .conftest import Pixels, pixels, write_parquet

Fill = Callable[[Path, int], None]


@pytest.mark.parametrize("name", ["set[1]", "q?x", "star*", "a::b", "{1,2}", "p%20q", "[!a]", "**"])
def test_a_folder_name_is_no_pattern(tmp_path: Path, write_images: Fill, name: str) -> None:
    for neighbour in ("set1", "qax", "star-gazing", "1", "2", "b"):
        write_images(tmp_path / neighbour, 3)
    write_images(tmp_path / name, 7)
    write_parquet(tmp_path / f"{name}p" / "train.parquet", list(pixels(12, 4, 4)), [0, 1] * 6)
    for folder, images in ((name, 14), (f"{name}p", 12)):
        splits = load_data(tmp_path / folder)
        assert sum(map(len, (splits.train, splits.valid, splits.test))) == images


def test_an_error_names_the_folder_as_the_person_does(tmp_path: Path, write_images: Fill) -> None:
    write_images(tmp_path / "f[1]", 3)
    (tmp_path / "f[1]/bee/01.png").write_bytes(b"\x89PNG nonsense")
    with pytest.raises(DataError, match=r"row 4 .*f.1./bee/01.png.: not a readable image"):
        load_data(tmp_path / "f[1]")


def test_files_replaced_by_others_of_the_same_size_and_time_are_read_again(tmp_path: Path) -> None:
    def write(image: Pixels, folder: Path) -> None:
        for name in ("ant", "bee"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for row in range(4):
                Image.fromarray(image).save(folder / name / f"{row}.bmp")

    write(pixels(1, 4, 4)[0] // 2, tmp_path / "f")
    first = load_data(tmp_path / "f", valid=0)
    times = {path: path.stat() for path in (tmp_path / "f").rglob("*.bmp")}
    write(255 - pixels(1, 4, 4)[0] // 2, tmp_path / "other")
    for path, before in times.items():
        os.replace(tmp_path / "other" / path.relative_to(tmp_path / "f"), path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    again = load_data(tmp_path / "f", valid=0)
    assert not torch.equal(first.train.x, again.train.x) and first.fingerprint != again.fingerprint


def test_a_folder_that_was_touched_but_not_changed_is_not_decoded_again(
    bees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_data(bees)
    for path in bees.iterdir():
        os.utime(path)
    monkeypatch.setattr("blackthorn.data.hub.read_folder", None)
    assert load_data(bees).fingerprint == first.fingerprint


def test_a_folder_that_nobody_touched_is_not_read_again(bees: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackthorn.data.listing._SETTLED", 0.0)
    first = load_data(bees)
    monkeypatch.setattr("hashlib.file_digest", None)
    assert load_data(bees).fingerprint == first.fingerprint


def test_files_that_cannot_be_read_are_counted(tmp_path: Path, write_images: Fill) -> None:
    write_images(tmp_path / "f", 5)
    for row in range(3):
        (tmp_path / f"f/bee/0{row}.png").unlink()
        (tmp_path / f"f/bee/0{row}.png").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r"3 files cannot be read, the first is bee/00.png \(a link that leads nowhere"):
        load_data(tmp_path / "f")


@pytest.mark.timeout(20)
def test_links_in_a_circle_and_pipes_are_refused(tmp_path: Path, write_images: Fill) -> None:
    write_images(tmp_path / "f", 3)
    (tmp_path / "f/bee/loop").symlink_to(tmp_path / "f")
    with pytest.raises(DataError, match=r"a file cannot be read.*bee/loop \(a link to a folder around it"):
        load_data(tmp_path / "f")
    (tmp_path / "f/bee/loop").unlink()
    os.mkfifo(tmp_path / "f/bee/09.png")
    with pytest.raises(DataError, match=r"bee/09.png \(no ordinary file"):
        load_data(tmp_path / "f")
    with pytest.raises(DataError, match="holds every file of this machine"):
        load_data("/")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("path", ["/dev/zero", "/etc/hostname", "https://example.org/a.png"])
def test_a_table_reads_no_other_file(tmp_path: Path, path: str) -> None:
    import pyarrow
    import pyarrow.parquet

    file = write_parquet(tmp_path / "t/train.parquet", list(pixels(4, 4, 4)), [0, 1] * 2)
    table = pyarrow.parquet.read_table(file)
    cells = [{"bytes": None, "path": path}] * 4
    column = pyarrow.array(cells, type=table.schema.field("image").type)
    pyarrow.parquet.write_table(table.set_column(0, table.schema.field("image"), column), file)
    with pytest.raises(DataError, match="column 'image' names a file instead of holding an image"):
        load_data(tmp_path / "t")


def test_a_readme_names_no_file_outside_its_folder(tmp_path: Path) -> None:
    write_parquet(tmp_path / "secret/a.parquet", list(pixels(4, 4, 4)), [0, 1] * 2)
    (tmp_path / "t").mkdir()
    (tmp_path / "t/README.md").write_text("---\nconfigs:\n- config_name: a\n  data_files: ../secret/*.parquet\n---\n")
    with pytest.raises(DataError, match="which is not in this folder"):
        load_data(tmp_path / "t")


def test_a_home_that_is_not_there_is_a_folder_that_is_not_there() -> None:
    with pytest.raises(DataError, match="~nobody-at-all/x: no such folder"):
        load_data("~nobody-at-all/x")
