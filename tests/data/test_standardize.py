"""Standardised images: each has mean 0 and deviation 1 in the units of ANP-VS, and nothing else of a data set moves."""

import numpy as np
import pytest
import torch

from blackthorn import load_data
from blackthorn.data import ImageSet, OnDisk
from blackthorn.data.augment import Crop
from blackthorn.data.standardize import SCALE, standardized
from blackthorn.errors import DataError

from .test_saving import splits


def test_each_image_has_mean_0_and_deviation_1_by_its_own_pixels() -> None:
    plain, made = load_data("digits", valid=7, test=20), load_data("digits", valid=7, test=20, standardize=True)
    for part in ("train", "valid", "test"):
        before, after = getattr(plain, part), getattr(made, part)
        assert torch.equal(after.y, before.y) and after.classes == before.classes and after.x.dtype == torch.float32
        numbers = np.asarray(before.x, np.float64).reshape(len(before), -1) / 255
        wanted = (numbers - numbers.mean(1, keepdims=True)) / numbers.std(1, keepdims=True)
        found = (after.x.double().numpy().reshape(len(before), -1) - 0.5) * SCALE
        assert np.abs(found - wanted).max() < 1e-4
    assert made.fingerprint != plain.fingerprint and (made.name, made.license) == (plain.name, plain.license)


def test_an_image_of_one_brightness_is_the_mean_and_one_bright_pixel_stays_in_range() -> None:
    given = splits()
    x = torch.full((2, 3, 32, 32), 77, dtype=torch.uint8)
    x[1] = 0
    x[1, 0, 0, 0] = 255
    made = standardized(type(given)(*(ImageSet(x, torch.tensor([0, 1]), ("a", "b")),) * 3, "two", "0" * 16)).test.x
    assert (made[0] == 0.5).all()
    assert made.min() >= 0 and abs(float(made.max()) - (0.5 + 3071 / 3072 * 3072**0.5 / SCALE)) < 1e-5


def test_the_border_of_a_crop_is_the_mean() -> None:
    x, centre = torch.full((5, 1, 4, 4), 0.7), torch.Generator().manual_seed(0)
    assert set(Crop(pad=3, fill=0.5)(x, centre).unique().tolist()) == {0.5, x[0, 0, 0, 0].item()}
    assert set(Crop(pad=3, fill=0.5)((x * 10).byte(), centre).unique().tolist()) == {7, 128}


def test_large_images_and_images_on_disk_are_refused() -> None:
    with pytest.raises(DataError, match=r"images of 12288 numbers, and at most 4096 can be: write resize: 32"):
        big = ImageSet(torch.zeros(1, 3, 64, 64, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64), ("a",))
        standardized(type(splits())(big, big, big, "big", "0" * 16))
    kept = load_data("digits", memory=0)
    assert isinstance(kept.train.x, OnDisk)
    with pytest.raises(DataError, match=r"standardize: these images stay on disk, .*; raise memory"):
        standardized(kept)
