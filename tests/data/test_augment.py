import time

import pytest
import torch
from torch import Generator, Tensor

from blackthorn.data import Crop, Flip
from blackthorn.values import ValidationError, parse, spell


def images(n: int = 64) -> Tensor:
    return torch.randint(1, 256, (n, 3, 8, 8), dtype=torch.uint8, generator=Generator().manual_seed(0))


def test_a_crop_is_a_window_of_the_zero_padded_image() -> None:
    x = images()
    cropped = Crop(pad=2)(x, Generator().manual_seed(1))
    padded = torch.zeros(len(x), 3, 12, 12, dtype=torch.uint8)
    padded[:, :, 2:-2, 2:-2] = x
    for one, whole in zip(cropped, padded):
        windows = [whole[:, top : top + 8, left : left + 8] for top in range(5) for left in range(5)]
        assert sum(torch.equal(one, window) for window in windows) == 1


def test_every_image_of_a_batch_is_shifted_on_its_own() -> None:
    x = images(1).expand(400, -1, -1, -1)
    assert len(Crop(pad=1)(x, Generator().manual_seed(0)).flatten(1).unique(dim=0)) == 9


def test_a_flip_mirrors_about_half_of_the_images_and_leaves_the_rest() -> None:
    x = images(1000)
    flipped = Flip()(x, Generator().manual_seed(0))
    mirrored = (flipped == x.flip(-1)).flatten(1).all(dim=1)
    kept = (flipped == x).flatten(1).all(dim=1)
    assert (mirrored ^ kept).all()
    assert 420 < mirrored.sum() < 580  # five standard deviations


@pytest.mark.parametrize("augmentation", [Crop(), Flip()])
def test_uint8_and_float_images_are_changed_alike(augmentation: Crop | Flip) -> None:
    x = images()
    whole, fractions = (augmentation(z, Generator().manual_seed(3)) for z in (x, x.float()))
    assert whole.dtype == torch.uint8
    assert torch.equal(whole.float(), fractions)


@pytest.mark.parametrize("augmentation", [Crop(pad=3), Flip()])
def test_an_augmentation_is_a_value_of_a_recipe(augmentation: Crop | Flip) -> None:
    assert parse(Crop | Flip, spell(augmentation)) == augmentation


def test_a_crop_without_padding_is_refused() -> None:
    with pytest.raises(ValidationError):
        Crop(pad=0)


def test_128_colour_images_take_at_most_8_milliseconds() -> None:
    x = torch.zeros(128, 3, 32, 32, dtype=torch.uint8)
    taken = []
    for _ in range(10):
        start = time.perf_counter()
        Flip()(Crop()(x, Generator()), Generator())
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.008
