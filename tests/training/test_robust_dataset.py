"""Robust data sets from Python: killed and gone on with, saved and read back, and refused in one line."""

import dataclasses
from pathlib import Path

import pytest
import torch

from blackthorn.attacks import FGSM
from blackthorn.data import load_data, stripes
from blackthorn.errors import ModelError, StoreError
from blackthorn.training import Inversion, robust_dataset

from .networks import small, splits

QUICK = Inversion(steps=3, step_size=0.3)


def test_images_are_the_inverted_ones_to_the_nearest_level_with_the_labels_they_had() -> None:
    given = splits()
    made = robust_dataset(small(), given, inversion=QUICK, precision="float32")
    inverted = QUICK(small(), given.train.x, precision="float32")
    assert made.splits.train.x.dtype == torch.uint8
    assert float((made.splits.train.x / 255 - inverted.x).abs().max()) <= 0.5 / 255 + 1e-6
    assert torch.equal(made.distance, inverted.distance) and torch.equal(made.splits.train.y, given.train.y)
    assert made.splits.test is given.test and made.splits.valid is given.valid


def test_what_is_saved_reads_back_as_it_was_made_with_a_card_that_says_how(tmp_path: Path) -> None:
    given = dataclasses.replace(splits(), license="cc0-1.0")
    made = robust_dataset(small(), given, inversion=QUICK, name="my network")
    read = load_data(made.save(tmp_path / "robust"))
    for part in ("train", "valid", "test"):
        one, other = getattr(read, part), getattr(made.splits, part)
        assert torch.equal(one.x, other.x) and torch.equal(one.y, other.y) and one.classes == other.classes
    card = (tmp_path / "robust" / "README.md").read_text()
    assert read.license == "cc0-1.0" and "my network" in card and "3 of length 0.3" in card and made.weights in card


@pytest.mark.slow
def test_a_killed_call_goes_on_where_it_was(tmp_path: Path) -> None:
    def kill(text: str, done: int, total: int) -> None:
        assert total == 360
        if done > 252:  # 70 %: 14 of 20 parts
            raise KeyboardInterrupt

    options = {"inversion": QUICK, "batch_size": 6, "precision": "float32"}
    with pytest.raises(KeyboardInterrupt):
        robust_dataset(small(), splits(), **options, checkpoint=tmp_path, progress=kill)  # type: ignore[arg-type]
    heard: list[int] = []
    resumed = robust_dataset(
        small(),
        splits(),
        **options,  # type: ignore[arg-type]
        checkpoint=tmp_path,
        progress=lambda text, done, total: heard.append(done),
    )
    assert heard[0] == 252 + 6 and heard[-1] == 360
    whole = robust_dataset(small(), splits(), **options)  # type: ignore[arg-type]
    assert torch.equal(resumed.splits.train.x, whole.splits.train.x)
    assert torch.equal(resumed.distance, whole.distance)


def test_parts_of_other_work_and_damaged_parts_are_refused(tmp_path: Path) -> None:
    robust_dataset(small(), splits(), inversion=QUICK, checkpoint=tmp_path)
    for seed, network in ((1, small()), (0, small(seed=1))):
        with pytest.raises(StoreError, match="is a part of other work; delete the folder"):
            robust_dataset(network, splits(), inversion=QUICK, seed=seed, checkpoint=tmp_path)
    (tmp_path / "part-0000.safetensors").write_bytes(b"no")
    with pytest.raises(StoreError, match=r"cannot be read .*; delete the folder"):
        robust_dataset(small(), splits(), inversion=QUICK, checkpoint=tmp_path)


def test_a_network_no_more_robust_than_a_standard_one_is_warned_of() -> None:
    made = robust_dataset(small(), splits(), inversion=QUICK, standard=small(), attack=FGSM(eps=0.05))
    assert made.robust == made.standard and len(made.warnings) == 1
    assert (
        "is not robust: under FGSM (linf, eps 0.05) it is right on" in made.warnings[0]
        and made.warnings[0] in made.about
    )
    assert not robust_dataset(small(), splits(), inversion=QUICK).warnings  # nothing to compare with


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (stripes(train=20, channels=3), r"cannot take images of shape \(3, 8, 8\)"),
        (stripes(train=20, classes=5), r"gives outputs of shape \(2, 4\) for 2 images; .* logits of shape \(2, 5\)"),
    ],
)
def test_images_of_another_shape_or_other_classes_than_the_networks_are_refused(given: object, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        robust_dataset(small(), given, inversion=QUICK)  # type: ignore[arg-type]
