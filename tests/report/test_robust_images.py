"""The part of the page about robust data sets: pairs, distances, and how robust the network was."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from blackthorn.errors import StoreError
from blackthorn.report import Page, write
from blackthorn.report.views import robust_images
from blackthorn.results import Cell, RobustImagesRecord

from .demo import bare, with_cells


def page(folder: Path, *, channels: int = 1, standard: float | None = 0.1) -> Page:
    """One data set of two seeds beside the accuracy of one network."""
    plain = bare(folder / "plain")
    cells = list(plain.grid.cells)
    for seed in (0, 1):
        place = folder / f"robust-{seed}"
        place.mkdir(parents=True)
        images = {name: np.full((3, channels, 8, 8), level, np.float32) for name, level in NAMES.items()}
        save_file({**images, "label": np.array([0, 1, 7])}, place / "examples.safetensors")
        record = RobustImagesRecord(
            n=1437, network="adversarial", compared="standard", attack={"kind": "pgd", "norm": "l2", "eps": 0.25},
            robust=0.5, standard=standard, steps=200, before=1.25, distance=0.125, low=0.0625, high=0.25,
            classes=("cat", "<b>dog"), key=f"robust-{seed}", warnings=("it is weak",),
        )  # fmt: skip
        cells.append(Cell("seen images", "robust", seed, record, None, place))
    return with_cells(plain, cells, seeds=(0, 1))


NAMES = {"original": 0.0, "start": 0.5, "robust": 1.0}


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pairs_of_the_first_seed_are_drawn_with_their_classes(tmp_path: Path, channels: int) -> None:
    view = robust_images.view(page(tmp_path, channels=channels))
    assert view is not None
    assert view.html.count("data:image/png;base64,") == 9
    assert "<span>cat</span>" in view.html and "&lt;b&gt;dog" in view.html and "<span>7</span>" in view.html


def test_the_page_says_how_near_features_came_and_how_robust_the_network_was(tmp_path: Path) -> None:
    text = write(tmp_path / "out", page(tmp_path / "cells")).read_text("utf-8")
    assert "fell from 1.25 to 0.12; half of the images are between 0.06 and 0.25" in " ".join(text.split())
    assert "Under PGD (l2, eps 0.25), adversarial is right on 50.0 % of the images" in " ".join(text.split())
    assert "stages/robust-0" in text and "it is weak" in text
    lines = list(csv.DictReader(io.StringIO((tmp_path / "out" / "robust-images.csv").read_text())))
    assert [line["seed"] for line in lines] == ["0", "1"] and lines[0]["distance"] == "0.125"


def test_a_network_that_was_compared_with_none_is_not_said_to_be(tmp_path: Path) -> None:
    view = robust_images.view(page(tmp_path, standard=None))
    assert view is not None and "Under PGD" not in view.html


def test_a_page_without_such_images_has_no_such_part(tmp_path: Path) -> None:
    assert robust_images.view(bare(tmp_path)) is None


def test_damaged_examples_are_refused_in_one_line(tmp_path: Path) -> None:
    made = page(tmp_path)
    (tmp_path / "robust-0" / "examples.safetensors").write_bytes(b"no")
    with pytest.raises(StoreError, match="cannot be read as example images"):
        robust_images.view(made)
