"""Plain folders of images are read as `datasets` reads them: images, labels, classes and order; or left to it."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from blackthorn.data.decode import Decoder
from blackthorn.data.gathering import InMemory
from blackthorn.data.hub import read_folder
from blackthorn.data.image_folder import plain, read_plain
from blackthorn.errors import DataError

FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "bmp": "BMP", "gif": "GIF", "webp": "WEBP", "tiff": "TIFF"}


def written(folder: Path, names: Sequence[str]) -> Path:
    """A folder of these files; each image is of one colour, which no other has."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made = FORMATS.get(path.suffix[1:].lower())
        if made is None:
            path.write_text("")
            continue
        image, buffer = Image.fromarray(np.full((4, 4, 3), number, dtype=np.uint8)), io.BytesIO()
        image.save(buffer, made)
        path.write_bytes(buffer.getvalue())
    return folder


PLAIN = {
    "three splits": ["val/bee/0.png", "test/bee/1.png", "train/bee/0.png", "train/ant/1.png", "test/ant/0.png"],
    "other words": ["training/b/0.png", "training/a/1.png", "dev/a/1.png", "evaluation/b/2.png", "evaluation/a/2.png"],
    "no splits": ["bee/9.png", "bee/10.png", "ant/0.png", "ant/1.png"],
    "names that sort oddly": [
        *(
            "train/a/1.png",
            "train/a b/1.png",
            "train/a-b/1.png",
            "train/A/1.png",
            "train/a.b/1.png",
            "train/\u00e9/1.png",
        ),
        *("test/a/2.png", "test/a b/2.png"),
    ],
    "files that sort oddly": ["train/a/b.png", "train/a/B.png", "train/a/b 1.png", "train/a/b-1.png", "train/c/10.png"],
    "files named for a split": [
        "train/a/1_train.png",
        "train/b/ILSVRC2012_val_01.JPEG",
        "val/a/test-1.png",
        "val/b/1.png",
    ],
    "endings": [f"train/{folder}/1.{ending}" for folder in "ab" for one in FORMATS for ending in (one, one.upper())],
    "a class of one split": ["train/a/1.png", "train/b/1.png", "test/c/1.png", "test/a/1.png"],
    "an empty class, and what is hidden": [
        *("train/a/1.png", "train/b/1.png", "train/.cache/x.txt", "train/a/.2.png", ".git/config", "train/c/.keep"),
    ],
}
UNUSUAL = {
    "a README": ["README.md", "train/a/1.png", "train/b/1.png"],
    "metadata": ["train/a/1.png", "train/b/1.png", "train/metadata.csv"],
    "another depth": ["train/a/1.png", "train/b/c/1.png"],
    "files beside classes": ["train/a/1.png", "train/1.png"],
    "a split and a class": ["train/a/1.png", "train/b/1.png", "other/a/1.png"],
    "a class named for a split": ["train/a/1.png", "train/test/1.png"],
    "files named for a split": ["a/train_1.png", "a/test_1.png", "b/train_2.png", "b/test_2.png"],
    "two folders for a split": ["train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/b/1.png"],
    "shards": ["data/x-00000-of-00001.png", "other/1.png"],
    "a folder of code": ["train/a/1.png", "train/b/1.png", "train/__pycache__/1.png"],
    "text": ["train/a/1.png", "train/b/1.png", "train/b/1.txt"],
    "no ending": ["train/a/1.png", "train/b/1"],
    "two endings": ["train/a/1.csv.png", "train/b/1.png"],
    "one class": ["train/a/1.png", "test/a/1.png"],
    "classes of one split only": ["train/a/1.png", "test/a/1.png", "test/b/1.png"],
    "nothing": ["train/.hidden/1.png"],
}


@pytest.mark.parametrize("names", PLAIN.values(), ids=PLAIN)
def test_a_plain_folder_gives_what_datasets_gives(tmp_path: Path, names: Sequence[str]) -> None:
    folder, ours, theirs = written(tmp_path / "f", names), InMemory(), InMemory()
    assert read_plain(folder, Decoder(mode="RGB"), ours)
    read_folder(folder, None, Decoder(mode="RGB"), theirs)
    assert list(ours.parts) == list(theirs.parts)
    for part, images in theirs.parts.items():
        assert torch.equal(ours.parts[part].x, images.x)
        assert torch.equal(ours.parts[part].y, images.y)
        assert ours.parts[part].classes == images.classes


@pytest.mark.parametrize("names", UNUSUAL.values(), ids=UNUSUAL)
def test_whatever_is_unusual_is_left_to_datasets(tmp_path: Path, names: Sequence[str]) -> None:
    sink = InMemory()
    assert not read_plain(written(tmp_path / "f", names), Decoder(), sink)
    assert not hasattr(sink, "parts")


def test_links_are_left_to_datasets(tmp_path: Path) -> None:
    folder = written(tmp_path / "f", PLAIN["three splits"])
    assert plain(folder) is not None
    (folder / "train/ant/2.png").symlink_to(folder / "train/bee/0.png")
    assert plain(folder) is None


def test_errors_name_split_row_and_file_as_those_of_other_folders(tmp_path: Path) -> None:
    folder = written(tmp_path / "f", [f"train/{folder}/{number}.png" for folder in "ab" for number in range(3)])
    (folder / "train/b/1.png").write_bytes(b"no image")
    said = []
    for read in (read_plain, lambda folder, *rest: read_folder(folder, None, *rest)):
        with pytest.raises(DataError) as refused:
            read(folder, Decoder(), InMemory())
        said.append(str(refused.value))
    assert said[0] == said[1] and said[0].startswith(f"f: train row 4 ({folder}/train/b/1.png): not a readable image")
