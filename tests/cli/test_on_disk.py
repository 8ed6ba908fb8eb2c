"""Images that do not fit into memory, and a folder, a disk or a file that does not serve: one line, and exit code 2."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ..data.conftest import pixels, write_parquet
from ..recipes.tiny import tiny, write
from .conftest import Cli, refusal


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny recipe on images that stay on disk."""
    monkeypatch.setenv("BLACKTHORN_CACHE", str(tmp_path / "cache"))
    write_parquet(tmp_path / "bees/train-0.parquet", list(pixels(60, 8, 8)), [0, 1] * 30)
    return written(tmp_path)


def written(folder: Path, **data: Any) -> Path:
    recipe = tiny()
    del recipe["published"], recipe["statements"], recipe["networks"]["weight 50%"]
    recipe["data"] = {"source": str(folder / "bees"), "memory": 0, "valid": 0, **data}
    return write(folder, recipe)


def test_a_cache_folder_that_cannot_be_written(recipe: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe.with_name("cache").touch()
    said = refusal(cli("run", str(recipe)))
    assert "r.yaml: data: " in said and "cache/data: cannot be written" in said and "set BLACKTHORN_CACHE" in said


def test_a_disk_that_is_full(recipe: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    assert "the images take 5,248 bytes on disk, and 1,000 bytes are free" in refusal(cli("run", str(recipe)))


def test_a_damaged_image(recipe: Path, cli: Cli) -> None:
    assert cli("run", str(recipe), "--jobs", "1", "--quiet").code == 0
    (file,) = recipe.parent.glob("cache/data/*.safetensors")
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said = refusal(cli("run", str(recipe), "--jobs", "1", "--quiet", "--store", "another"))
    assert f"{file}: damaged at image 59; delete this file and run again" in said
    file.unlink()
    assert cli("run", str(recipe), "--jobs", "1", "--quiet", "--store", "another").code == 0


def test_images_of_several_sizes(recipe: Path, cli: Cli) -> None:
    images = [*pixels(59, 8, 8), *pixels(1, 9, 7)]
    write_parquet(recipe.parent / "bees/train-0.parquet", images, [0, 1] * 30)
    assert "row 59 (59.png) is 9x7; write resize: 8" in refusal(cli("run", str(recipe)))
    said = cli("run", str(written(recipe.parent, resize=6, crop="90%")), "--jobs", "1", "--quiet")
    assert said.code == 0, said


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"memory": "a lot"}, "data.memory: read 'a lot'; write a share of the machine's, such as 25%, or bytes"),
        ({"crop": 1.5, "resize": 6}, "data.crop: a share above 0 and of at most 1 is wanted, such as 0.875; got 1.5"),
        ({"crop": 0.875}, "data: crop: read 0.875, and no resize"),
    ],
)
def test_options_that_say_nothing(recipe: Path, cli: Cli, data: dict[str, Any], message: str) -> None:
    assert message in refusal(cli("run", str(written(recipe.parent, **data))))
