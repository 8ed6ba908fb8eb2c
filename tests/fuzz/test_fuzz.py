"""Whatever a file or a command line says: it works, or one line refuses it; never a traceback, never for ever.

FUZZ=20000 draws that many examples for each surface, at random; by default a few, and the same ones every time.
"""

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save as safetensors

from blackthorn import deploy, models
from blackthorn.data import load_data
from blackthorn.errors import BlackthornError
from blackthorn.recipes import read_recipe
from blackthorn.recipes.reading import written_out
from blackthorn.stages.artifacts import load_records

from ..cli.conftest import Cli
from ..cli.conftest import cli as cli
from ..data.conftest import pixels, write_parquet
from ..recipes.conftest import finished as finished
from ..recipes.tiny import tiny
from .hostile import WORDS, damaged, scalars, spoilt

_MANY = int(os.environ.get("FUZZ", "0"))


def fuzzed(few: int) -> Callable[[Any], Any]:
    """Settings of a test: `few` examples that are always the same, or as many as FUZZ says."""
    return settings(
        max_examples=_MANY or few,
        derandomize=not _MANY,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def one_line_or_fine(call: Callable[[], object]) -> None:
    try:
        call()
    except BlackthornError as problem:
        said = str(problem)
        assert said and "\n" not in said, said
        assert len(said) < 2000, said[:200]


def recipe_text(recipe: dict[str, Any]) -> str:
    try:
        return yaml.safe_dump(recipe, sort_keys=False)
    except (yaml.YAMLError, ValueError):  # what YAML cannot write
        return repr(recipe)


@fuzzed(60)
@given(recipe=spoilt(tiny()), change=st.none() | st.tuples(st.sampled_from(WORDS), scalars))
def test_recipes_that_are_almost_right(
    tmp_path: Path, recipe: dict[str, Any], change: tuple[str, object] | None
) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(recipe_text(recipe), "utf-8", errors="surrogatepass")
    changes = [] if change is None else [f"networks.{change[0]}={change[1]!s:.2000}"]
    one_line_or_fine(lambda: written_out(read_recipe(str(file), changes=changes)))


@fuzzed(60)
@given(text=damaged(yaml.safe_dump(tiny(), sort_keys=False).encode()))
def test_recipes_of_damaged_bytes(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "r.yaml"
    file.write_bytes(text)
    one_line_or_fine(lambda: written_out(read_recipe(str(file))))


OPTIONS = [
    "--preset",
    "--store",
    "--data-root",
    "--seeds",
    "--set",
    "--model",
    "--jobs",
    "--device",
    "--help",
    "--version",
]
COMMANDS = ["show", "report", "store", "list", "schema"]  # none of them trains


@fuzzed(40)
@given(
    command=st.sampled_from(COMMANDS) | st.sampled_from(WORDS),
    words=st.lists(st.sampled_from(OPTIONS + WORDS) | st.text(max_size=8), max_size=5),
)
def test_words_on_the_command_line(cli: Cli, command: str, words: list[str]) -> None:
    said = cli(command[:4000], *(word[:4000] for word in words))
    assert said.code in (0, 1, 2)
    assert "Traceback" not in said.err
    if said.code == 2:
        assert len(said.err.splitlines()) == 1, said.err


MLP = {"kind": "mlp", "num_classes": 10, "in_channels": 1, "image_size": 8, "hidden": [4]}


def _bundle() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    from safetensors import safe_open

    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    file = folder / f"blackthorn-fuzz-{os.getpid()}.safetensors"
    deploy.save(file, models.build(MLP))
    try:
        with safe_open(file, framework="pt") as opened:
            said = json.loads(opened.metadata()["blackthorn"])
            return {name: opened.get_tensor(name) for name in opened.keys()}, said  # noqa: SIM118  # not a dict
    finally:
        file.unlink()


TENSORS, HEADER = _bundle()


@pytest.mark.timeout(3600)
@fuzzed(60)
@given(header=spoilt(HEADER))
def test_bundles_whose_header_is_almost_right(tmp_path: Path, header: dict[str, Any]) -> None:
    file = tmp_path / "b.safetensors"
    text = json.dumps(header).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    file.write_bytes(safetensors(TENSORS, metadata={"blackthorn": text}))
    one_line_or_fine(lambda: deploy.load(file))


@fuzzed(60)
@given(whole=damaged(safetensors(TENSORS, metadata={"blackthorn": json.dumps(HEADER)})))
def test_bundles_of_damaged_bytes(tmp_path: Path, whole: bytes) -> None:
    file = tmp_path / "b.safetensors"
    file.write_bytes(whole)
    one_line_or_fine(lambda: deploy.load(file))


def _encoded(kind: str, size: tuple[int, int] = (8, 8)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(size[0] * size[1] * 3, dtype=np.uint8).reshape(*size, 3)).save(out, kind)
    return out.getvalue()


@fuzzed(20)
@given(data=st.data(), kind=st.sampled_from(["png", "jpeg", "gif", "bmp", "webp", "tiff"]))
def test_folders_with_damaged_images(tmp_path: Path, data: st.DataObject, kind: str) -> None:
    folder = tmp_path / "set"
    shutil.rmtree(folder, ignore_errors=True)
    for split in ("train", "test"):
        for label in ("a", "b"):
            (folder / split / label).mkdir(parents=True)
            (folder / split / label / f"0.{kind}").write_bytes(_encoded(kind))
    (folder / "train" / "a" / f"1.{kind}").write_bytes(data.draw(damaged(_encoded(kind))))
    one_line_or_fine(lambda: load_data(folder))


@fuzzed(15)
@given(data=st.data())
def test_damaged_tables(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "set"
    shutil.rmtree(folder, ignore_errors=True)
    for split in ("train", "test"):
        write_parquet(folder / f"{split}-0.parquet", list(pixels(4, 8, 8)), [0, 1, 0, 1])
    file = folder / "train-0.parquet"
    file.write_bytes(data.draw(damaged(file.read_bytes())))
    one_line_or_fine(lambda: load_data(folder))


@fuzzed(40)
@given(data=st.data())
def test_records_that_are_almost_right(finished: Path, tmp_path: Path, data: st.DataObject) -> None:
    (stage, *_) = sorted(finished.glob("stages/accuracy-*"))
    (line, *_) = (stage / "records.jsonl").read_text().splitlines()
    (tmp_path / "records.jsonl").write_text(json.dumps(data.draw(spoilt(json.loads(line)))) + "\n")
    one_line_or_fine(lambda: load_records(tmp_path))
