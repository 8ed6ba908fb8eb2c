"""Robust data sets as a stage of a recipe: made on one network, compared with another, trained on by others."""

import errno
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import blackthorn as bt
from blackthorn.data import load_data
from blackthorn.errors import RecipeError, StoreError
from blackthorn.files import write_whole
from blackthorn.recipes import Plan
from blackthorn.results import RobustImagesRecord
from blackthorn.running import Event, Folder, collect

from .conftest import laid_out, run
from .test_images import TRAIN, stage
from .tiny import read, tiny


def robust(**more: Any) -> dict[str, Any]:
    """The tiny recipe with a network that is trained on what its second one sees in the images."""
    recipe = tiny()
    recipe["networks"]["adversarial"] = {
        "steps": [{**TRAIN, "objective": {"kind": "adversarial", "attack": {"kind": "fgsm", "eps": 0.1}}}]
    }
    recipe["networks"]["on robust"] = {"steps": [{**TRAIN, "images": "seen"}]}
    seen = {"kind": "robust", "of": "adversarial", "steps": 3, "step_size": 0.3, **more}
    return {**recipe, "images": {"seen": seen}}


def folder(store: Path, made: Plan) -> Path:
    found = Folder(store).stage(stage(made, "seen").name)
    assert found is not None
    return found


def test_the_folder_of_the_stage_is_a_data_set_of_what_was_made(tmp_path: Path) -> None:
    recipe = read(tmp_path, robust(batch_size=50))
    assert run(recipe, tmp_path / "store") == {}
    made, splits = laid_out(recipe), recipe.data.load()
    there = folder(tmp_path / "store", made)
    assert sorted(file.name for file in there.iterdir()) == [
        "README.md",
        "checksums.json",
        "examples.safetensors",
        "records.jsonl",
        "stage.json",
        "test-00000-of-00001.parquet",
        "train-00000-of-00001.parquet",
    ]
    opened = load_data(there, valid=0)
    assert torch.equal(opened.test.x, splits.test.x) and torch.equal(opened.test.y, splits.test.y)
    assert torch.equal(opened.train.y, splits.train.y)
    trained = Folder(tmp_path / "store").stage(stage(made, "adversarial").name)
    assert trained is not None
    again = bt.training.robust_dataset(
        bt.deploy.load(trained / "network.safetensors").model,
        splits,
        inversion=bt.training.Inversion(steps=3, step_size=0.3),
        batch_size=50,
        precision="float32",
    )
    assert torch.equal(opened.train.x, again.splits.train.x) and opened.license == "cc-by-4.0"
    assert f"weights {again.weights}" in (there / "README.md").read_text()


def test_a_robust_stage_is_laid_out_after_both_of_its_networks(tmp_path: Path) -> None:
    made = laid_out(read(tmp_path, robust(standard="dense")))
    seen = stage(made, "seen")
    assert seen.label == "seed 0 · seen · robust images, 3 steps"
    assert list(seen.needs) == [stage(made, "adversarial"), stage(made, "dense")]
    assert seen in stage(made, "on robust").needs
    later = robust(standard="plain")
    on_robust = later["networks"].pop("on robust")
    later["networks"] |= {"plain": {"steps": [{**TRAIN, "epochs": 3}]}, "on robust": on_robust}
    made = laid_out(read(tmp_path, later))
    assert list(stage(made, "seen").needs) == [stage(made, "adversarial"), stage(made, "plain")]


def test_networks_that_come_too_late_or_are_not_there_are_refused(tmp_path: Path) -> None:
    recipe = robust(standard="plain")
    with pytest.raises(RecipeError, match=r"images.seen: there is no network 'plain'; Known: adversarial, dense"):
        read(tmp_path, recipe)
    recipe["networks"]["plain"] = {"steps": [TRAIN]}
    with pytest.raises(RecipeError, match="'seen' is made on 'plain', which comes later; move it up"):
        read(tmp_path, recipe)


@pytest.mark.slow
def test_a_killed_stage_goes_on_where_it_was_and_makes_the_same(tmp_path: Path) -> None:
    recipe = read(tmp_path, robust(batch_size=6))  # 120 images of 3 steps: 20 parts of one batch
    heard: list[Event] = []

    def interrupt_at(done: int, event: Event) -> None:
        if event.what == "advanced" and "seen" in event.label:
            heard.append(event)
            if event.done == done:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "store", lambda event: interrupt_at(84 * 3 + 6, event))
    assert len(list((tmp_path / "store").rglob("part-*.safetensors"))) == 14  # 70 %
    assert not list((tmp_path / "store").rglob("*.parquet"))
    heard.clear()
    assert run(recipe, tmp_path / "store", lambda event: interrupt_at(-1, event)) == {}
    assert heard[0].done == 84 * 3 + 6 and heard[-1].done == heard[-1].total == 360
    assert run(recipe, tmp_path / "whole") == {}
    one, other = (load_data(folder(tmp_path / name, laid_out(recipe)), valid=0) for name in ("store", "whole"))
    assert torch.equal(one.train.x, other.train.x)


def test_a_stage_that_is_killed_while_the_data_set_is_written_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read(tmp_path, robust())

    def full(path: Path, content: bytes | memoryview) -> None:
        if path.name.startswith("test-"):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_whole(path, content)

    with monkeypatch.context() as patched:
        patched.setattr("blackthorn.data.saving.write_whole", full)
        with pytest.raises(StoreError, match="the disk is full; free some space and run the same command again"):
            run(recipe, tmp_path / "store")
    assert not Folder(tmp_path / "store").done(stage(laid_out(recipe), "seen").name)
    heard: list[Event] = []
    assert run(recipe, tmp_path / "store", heard.append) == {}
    assert not [event for event in heard if event.what == "advanced" and "seen" in event.label]  # its parts were kept


def test_a_network_that_is_not_robust_is_warned_of_wherever_its_images_lead(tmp_path: Path) -> None:
    recipe = read(tmp_path, robust(standard="dense"))
    assert run(recipe, tmp_path / "store") == {}
    grid, missing = collect(laid_out(recipe), Folder(tmp_path / "store"))
    warned = {cell.row for cell in grid.cells if any("is not robust: under PGD" in one for one in cell.record.warnings)}
    assert warned == {"seen", "on robust"} and not missing
    record = next(cell.record for cell in grid.cells if isinstance(cell.record, RobustImagesRecord))
    assert record.standard is not None and record.robust < record.standard + 0.1
    assert record.network == "adversarial" and record.compared == "dense" and record.n == 120
    assert 0 <= record.low <= record.distance <= record.high and record.distance < record.before


@pytest.mark.slow
def test_a_robust_network_is_not_warned_of(tmp_path: Path) -> None:
    recipe = robust(standard="dense", attack={"kind": "fgsm", "eps": 0.15})
    recipe["data"] = {"source": "digits", "train": 600, "valid": 0, "test": 100}
    train = {"kind": "train", "epochs": 15, "batch_size": 32, "optimizer": {"kind": "adam", "lr": 0.005}}
    recipe["networks"]["dense"]["steps"] = [train]
    recipe["networks"]["adversarial"]["steps"] = [
        {**train, "objective": {"kind": "adversarial", "attack": {"kind": "fgsm", "eps": 0.2}}}
    ]
    made = read(tmp_path, recipe)
    assert run(made, tmp_path / "store") == {}
    grid, _ = collect(laid_out(made), Folder(tmp_path / "store"))
    record = next(cell.record for cell in grid.cells if isinstance(cell.record, RobustImagesRecord))
    assert record.standard is not None and record.robust >= record.standard + 0.1 and not record.warnings


def test_names_move_nothing_and_options_do(tmp_path: Path) -> None:
    def keys(recipe: dict[str, Any], name: str = "seen") -> list[str]:
        made = laid_out(read(tmp_path, recipe))
        return [stage(made, one).key for one in (name, "on robust")]

    base = keys(robust())
    assert base == ["23f32b580e55", "3e5167d97289"]
    renamed = robust()
    renamed["images"]["others"] = renamed["images"].pop("seen")
    renamed["networks"]["on robust"]["steps"][0]["images"] = "others"
    assert keys(renamed, "others") == base
    for other in (robust(steps=4), robust(start="noise"), robust(fake_relu=False), robust(standard="dense")):
        assert not set(keys(other)) & set(base)


def test_the_examples_are_pairs_of_every_class(tmp_path: Path) -> None:
    recipe = read(tmp_path, robust())
    assert run(recipe, tmp_path / "store") == {}
    there = folder(tmp_path / "store", laid_out(recipe))
    shown, splits = load_file(there / "examples.safetensors"), recipe.data.load()
    robust_x = load_data(there, valid=0).train.x
    assert set(shown["label"].tolist()) == set(range(10)) and len(shown["label"]) == 12
    for original, seen, label in zip(shown["original"], shown["robust"], shown["label"]):
        row = next(i for i, x in enumerate(splits.train.x) if torch.equal(x / 255, original))
        assert splits.train.y[row] == label and torch.equal(robust_x[row] / 255, seen)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "train-00000-of-00001.parquet").write_bytes(b"no"),
        lambda folder: (folder / "train-00000-of-00001.parquet").unlink(),
        lambda folder: (folder / "README.md").unlink(),
    ],
)
def test_a_damaged_data_set_is_refused_in_one_line(tmp_path: Path, spoil: Any) -> None:
    recipe = read(tmp_path, robust())
    assert run(recipe, tmp_path / "store") == {}
    made, store = laid_out(recipe), Folder(tmp_path / "store")
    spoil(folder(tmp_path / "store", made))
    store.stage(stage(made, "on robust").name).rename(tmp_path / "away")
    with pytest.raises(StoreError, match=r"cannot be read .*; delete the folder .* and run again"):
        run(recipe, tmp_path / "store")
