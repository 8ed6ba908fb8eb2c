"""Images that a recipe makes: crafted once on a network, kept in parts, and trained on by others."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from blackthorn.attacks import Ball
from blackthorn.errors import RecipeError, StoreError
from blackthorn.recipes import Plan
from blackthorn.results import AccuracyRecord
from blackthorn.running import Event, Folder, collect
from blackthorn.stages import Stage
from blackthorn.stages.images import in_levels

from .conftest import laid_out, run
from .tiny import TINY, read, tiny

FGSM: dict[str, Any] = {"kind": "fgsm", "eps": 0.1}
PGD_L2: dict[str, Any] = {"kind": "pgd", "norm": "l2", "eps": 1, "steps": 2}
TRAIN = TINY["networks"]["dense"]["steps"][0]


def making(attack: dict[str, Any] = FGSM, **more: Any) -> dict[str, Any]:
    """The tiny recipe with a network that is trained on images made on its first."""
    recipe = tiny()
    recipe["networks"]["crafted"] = {"steps": [{**TRAIN, "images": "hard"}]}
    return {**recipe, "images": {"hard": {"kind": "adversarial", "of": "dense", "attack": attack, **more}}}


def stage(made: Plan, of: str) -> Stage:
    """The stage that makes images, or the last of a row."""
    return next(one for one in made.stages if one.label.split(" · ")[1] == of)


def stored(store: Path, made: Plan) -> dict[str, torch.Tensor]:
    folder = Folder(store).stage(stage(made, "hard").name)
    assert folder is not None and {file.name for file in folder.iterdir()} == {
        "checksums.json",
        "images.safetensors",
        "stage.json",
    }
    return load_file(folder / "images.safetensors")


def test_images_are_made_on_a_network_and_trained_on_by_another(tmp_path: Path) -> None:
    made = laid_out(read(tmp_path, making()))
    hard = stage(made, "hard")
    assert hard.label == "seed 0 · hard · adversarial images"
    assert hard.needs == (stage(made, "dense"),)
    assert stage(made, "crafted").needs == (hard,) and stage(made, "crafted").parent is None


def test_training_on_crafted_images_protects_from_images_of_the_same_network(tmp_path: Path) -> None:
    train = {"kind": "train", "epochs": 10, "optimizer": {"kind": "adam", "lr": 0.01}}
    source = {"kind": "network", "name": "dense"}
    recipe = {
        **making(),
        "data": {"source": "digits", "train": 400, "valid": 0},
        "model": {"kind": "mlp", "hidden": [64]},
        "networks": {"dense": {"steps": [train]}, "crafted": {"steps": [{**train, "images": "hard"}]}},
        "measures": {"from dense": {"kind": "accuracy", "attack": FGSM, "source": source}},
        "published": None,
        "statements": [],
    }
    made = read(tmp_path, recipe)
    assert run(made, tmp_path / "store") == {}
    grid, _ = collect(laid_out(made), Folder(tmp_path / "store"))
    dense, crafted = (cell.record for cell in grid.cells)
    assert isinstance(dense, AccuracyRecord) and isinstance(crafted, AccuracyRecord)
    assert crafted.value > dense.value + 0.1


def test_images_lie_in_the_ball_around_the_training_images_and_keep_their_labels(tmp_path: Path) -> None:
    recipe = read(tmp_path, making(with_clean=True, batch_size=50))
    assert run(recipe, tmp_path / "store") == {}
    images, train = stored(tmp_path / "store", laid_out(recipe)), recipe.data.load().train
    clean, crafted = images["x"].split(len(train))
    assert torch.equal(images["y"], torch.cat([train.y, train.y])) and torch.equal(clean, train.x)
    assert crafted.dtype == torch.uint8 and int((crafted.int() - clean.int()).abs().max()) == 25  # of 25.5 levels


@pytest.mark.parametrize("ball", [Ball("linf", 0.1), Ball("linf", 8 / 255), Ball("l2", 1.0)], ids=str)
def test_rounding_to_levels_keeps_the_ball(ball: Ball) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (50, 3, 8, 8), generator=generator, dtype=torch.uint8)
    x_adv = ball.project(x / 255 + ball.steepest(torch.randn(x.shape, generator=generator)), x / 255)
    kept = in_levels(x_adv, x, ball)
    assert ball.contains(kept / 255, x / 255, slack=1e-5).all()
    assert float((kept / 255 - x_adv).abs().max()) < 1 / 255
    if ball.eps == 8 / 255:
        assert torch.equal(kept, (x_adv * 255).round().to(torch.uint8))  # whole levels lose nothing


def test_an_interrupted_making_goes_on_where_it_was_and_makes_the_same(tmp_path: Path) -> None:
    recipe = read(tmp_path, making(PGD_L2, batch_size=6))  # 120 images: 20 parts of one batch
    heard: list[Event] = []

    def interrupt_at(images: int, event: Event) -> None:
        if event.what == "advanced" and "hard" in event.label:
            heard.append(event)
            if event.done == images:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "store", lambda event: interrupt_at(90, event))
    assert len(list((tmp_path / "store").rglob("part-*.safetensors"))) == 14  # the last was not written yet
    heard.clear()
    assert run(recipe, tmp_path / "store", lambda event: interrupt_at(0, event)) == {}
    assert [event.done for event in heard] == [90, 96, 102, 108, 114, 120] and heard[0].total == 120
    assert run(recipe, tmp_path / "whole") == {}
    resumed, whole = (stored(tmp_path / store, laid_out(recipe)) for store in ("store", "whole"))
    assert torch.equal(resumed["x"], whole["x"])
    assert not torch.equal(resumed["x"], recipe.data.load().train.x)


def test_warnings_of_the_attack_go_with_what_is_trained_on_its_images(tmp_path: Path) -> None:
    recipe = read(tmp_path, making({"kind": "pgd", "eps": 0.1, "steps": 2, "step_size": 0.01}))
    assert run(recipe, tmp_path / "store") == {}
    grid, _ = collect(laid_out(recipe), Folder(tmp_path / "store"))
    warned = {
        cell.row for cell in grid.cells if any("cannot cross a ball" in warning for warning in cell.record.warnings)
    }
    assert warned == {"crafted"}


def test_what_images_are_called_moves_nothing_and_how_they_are_made_moves_what_is_trained_on_them(
    tmp_path: Path,
) -> None:
    made = laid_out(read(tmp_path, making()))
    keys = [stage(made, name).key for name in ("hard", "crafted")]
    assert keys == ["d4c365b8ae07", "da3bd1a8dadd"]
    renamed = making()
    renamed["images"]["hard ones"] = renamed["images"].pop("hard")
    renamed["networks"]["crafted"]["steps"][0]["images"] = "hard ones"
    again = laid_out(read(tmp_path, renamed))
    assert [stage(again, name).key for name in ("hard ones", "crafted")] == keys
    for other in (making(with_clean=True), making({**FGSM, "eps": 0.2}), {**making(), "seeds": [1]}):
        moved = laid_out(read(tmp_path, other))
        assert not {stage(moved, name).key for name in ("hard", "crafted")} & set(keys)


@pytest.mark.parametrize(
    ("of", "networks", "complaint"),
    [
        ("dense", ["dense"], "networks.dense.steps.0.images: 'hard' is made on 'dense', for which 'dense' is needed"),
        ("tuned", ["dense"], "'hard' is made on 'tuned', for which 'dense' is needed: a circle"),
        (
            "later",
            ["crafted"],
            "networks.crafted.steps.0.images: 'hard' is made on 'later', which comes later; move it",
        ),
        ("dense", ["crafted", "tuned"], None),
    ],
)
def test_images_are_made_before_they_are_trained_on(
    tmp_path: Path, of: str, networks: list[str], complaint: str | None
) -> None:
    recipe = making()
    recipe["networks"]["tuned"] = {"of": "dense", "steps": [dict(TRAIN)]}
    recipe["networks"]["later"] = {"steps": [{**TRAIN, "epochs": 3}]}
    recipe["images"]["hard"]["of"] = of
    for name, network in recipe["networks"].items():
        network["steps"][0].pop("images", None)
        if name in networks:
            network["steps"][0]["images"] = "hard"
    if complaint is None:
        read(tmp_path, recipe)
    else:
        with pytest.raises(RecipeError, match=re.escape(complaint)):
            read(tmp_path, recipe)


def test_another_name_may_not_stand_for_missing_images(tmp_path: Path) -> None:
    recipe = making()
    recipe["networks"]["crafted"]["steps"][0]["images"] = "herd"
    with pytest.raises(RecipeError, match=r"there are no images 'herd'; did you mean 'hard'\? Known: hard"):
        read(tmp_path, recipe)


def one_bit(file: Path) -> None:
    """Change a pixel of the last image by one level: still an image, and not the one that was made."""
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("spoil", [lambda file: file.write_bytes(b"no"), lambda file: file.unlink(), one_bit])
def test_images_that_cannot_be_read_are_refused_in_one_line(tmp_path: Path, spoil: Any) -> None:
    recipe = read(tmp_path, making())
    assert run(recipe, tmp_path / "store") == {}
    made = laid_out(recipe)
    store = Folder(tmp_path / "store")
    folder, trained = store.stage(stage(made, "hard").name), stage(made, "crafted")
    spoil(folder / "images.safetensors")
    store.stage(trained.name).rename(tmp_path / "away")
    with pytest.raises(StoreError, match=r"images.safetensors: cannot be read .*; delete the folder"):
        run(recipe, tmp_path / "store")
