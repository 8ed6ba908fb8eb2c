"""Images saved as a data set: both readers give them back, bit for bit, and a folder is whole or not there."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch

from blackthorn.data import ImageSet, Splits, load_data, save_data, stripes
from blackthorn.data.card import license_of
from blackthorn.errors import DataError, StoreError

ABOUT = "# Striped images\n\nMade by hand."


def splits(channels: int = 3, valid: int = 5) -> Splits:
    return stripes(train=30, valid=valid, test=12, channels=channels)


def same(one: ImageSet, other: ImageSet) -> bool:
    return torch.equal(one.x, other.x) and torch.equal(one.y, other.y) and one.classes == other.classes


@pytest.mark.parametrize("channels", [1, 3])
def test_load_data_reads_what_was_saved(tmp_path: Path, channels: int) -> None:
    made = splits(channels)
    folder = save_data(made, tmp_path / "stripes [1]", about=ABOUT)
    read = load_data(folder)
    assert all(same(getattr(read, part), getattr(made, part)) for part in ("train", "valid", "test"))


def test_datasets_reads_what_was_saved(tmp_path: Path) -> None:
    import datasets

    made = splits()
    folder = save_data(made, tmp_path / "stripes", about=ABOUT)
    (folder / "notes.json").write_text("{}")  # what else lies there is no part of it
    read = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert set(read) == {"train", "validation", "test"}
    rows = read["test"].with_format("torch")
    assert torch.equal(torch.stack([row["image"] for row in rows]), made.test.x)
    assert rows["label"][:].tolist() == made.test.y.tolist()
    assert tuple(read["train"].features["label"].names) == made.train.classes


def test_a_split_without_images_is_left_out(tmp_path: Path) -> None:
    folder = save_data(splits(valid=0), tmp_path / "stripes", about=ABOUT)
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md",
        "test-00000-of-00001.parquet",
        "train-00000-of-00001.parquet",
    ]
    assert len(load_data(folder, valid=0).train) == 30


def test_many_images_are_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackthorn.data.saving._ROWS", 12)
    folder = save_data(splits(), tmp_path / "stripes", about=ABOUT)
    assert len(list(folder.glob("train-*-of-00003.parquet"))) == 3
    assert same(load_data(folder).train, splits().train)


def test_the_card_has_the_license_and_what_people_read(tmp_path: Path) -> None:
    import yaml

    folder = save_data(dataclasses.replace(splits(), license="mit"), tmp_path / "stripes", about=ABOUT)
    _, head, body = (folder / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "mit" and body.strip() == ABOUT
    assert load_data(folder).license == "mit"


@pytest.mark.parametrize("text", [None, "# No lines for programs", "---\n- a list\n---\n", "---\na: [\n---\n"])
def test_the_license_of_a_source_that_says_nothing_is_unknown(tmp_path: Path, text: str | None) -> None:
    folder = save_data(splits(), tmp_path / "stripes", about=ABOUT)
    (folder / "README.md").unlink()
    if text is not None:
        (folder / "README.md").write_text(text)
    assert license_of(folder) == "unknown"


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(DataError, match="there is something already"):
        save_data(splits(), tmp_path, about=ABOUT)
    assert (tmp_path / "mine").read_text() == "precious"


def test_images_that_are_not_in_levels_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    made = splits()
    floats = ImageSet(made.test.x / 255, made.test.y, made.test.classes)
    with pytest.raises(DataError, match=re.escape("test: images are torch.float32; a data set holds 256 levels")):
        save_data(dataclasses.replace(made, test=floats), tmp_path / "stripes", about=ABOUT)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # EFBIG stands for ENOSPC: python ignores SIGXFSZ
    try:
        with pytest.raises(StoreError, match=r"stripes: cannot be written \(File too large\); give a folder"):
            save_data(splits(), tmp_path / "stripes", about=ABOUT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
