"""Resizing with a centre crop, and JPEG files that are decoded smaller than they are."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor

from blackthorn.data import OnDisk, load_data
from blackthorn.data.decode import Decoder
from blackthorn.errors import DataError

from .conftest import write_parquet


def gradient(height: int, width: int) -> Image.Image:
    """Red grows to the right, green downwards."""
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.stack([columns * 255 / (width - 1), rows * 255 / (height - 1), np.full((height, width), 99)], -1)
    return Image.fromarray(image.round().astype(np.uint8))


def decoded(image: Image.Image | bytes, **options: object) -> Tensor:
    return Decoder(**options).stack([(image, "an image")])[0]  # type: ignore[arg-type]


def tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def test_a_crop_of_1_is_the_largest_centre_of_that_shape_as_pillow_fits_it() -> None:
    image = gradient(60, 100)
    wanted = ImageOps.fit(image, (32, 32), Image.Resampling.BILINEAR)
    assert torch.equal(decoded(image, resize=(32, 32), crop=1.0), tensor(wanted))
    wide = ImageOps.fit(image, (40, 10), Image.Resampling.BILINEAR)
    assert torch.equal(decoded(image, resize=(10, 40), crop=1), tensor(wide))


def test_nothing_is_stretched() -> None:
    """A square of the middle keeps the slope of both colours alike; stretching to a square would not."""
    x = decoded(gradient(100, 200), resize=(50, 50), crop=1).float()
    across, down = x[0, 25, 45] - x[0, 25, 5], x[1, 45, 25] - x[1, 5, 25]
    assert across == pytest.approx(40 * 2 * 255 / 199, abs=1.5)
    assert down == pytest.approx(40 * 2 * 255 / 99, abs=1.5)


def test_a_crop_of_7_8_is_imagenets_256_and_224() -> None:
    image = gradient(512, 512)
    shorter = image.resize((256, 256), Image.Resampling.BILINEAR)
    wanted = tensor(shorter.crop((16, 16, 240, 240))).float()
    assert (decoded(image, resize=(224, 224), crop=0.875).float() - wanted).abs().max() <= 1


def test_an_image_of_the_wanted_size_is_cut_too() -> None:
    image = gradient(32, 32)
    assert torch.equal(decoded(image, resize=(32, 32), crop=1.0), tensor(image))
    assert not torch.equal(decoded(image, resize=(32, 32), crop=0.5), tensor(image))


def jpeg(image: Image.Image, **options: object) -> bytes:
    written = io.BytesIO()
    image.save(written, "JPEG", quality=95, **options)
    return written.getvalue()


@pytest.mark.parametrize(("side", "scale"), [(63, 1), (64, 2), (127, 2), (128, 4), (255, 4), (256, 8), (900, 8)])
def test_a_jpeg_is_decoded_smaller_as_long_as_twice_the_wanted_size_is_left(
    side: int, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    resize = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda self, *a, **k: seen.append(self.size) or resize(self, *a, **k))
    encoded = jpeg(gradient(side, side))
    x = decoded(encoded, resize=(16, 16))
    assert seen == [(-(-side // scale), -(-side // scale))]
    full = resize(Image.open(io.BytesIO(encoded)).convert("RGB"), (16, 16), Image.Resampling.BILINEAR)
    assert (x.float() - tensor(full).float()).abs().max() <= 3  # levels of 256, on a smooth image


def test_a_jpeg_that_lies_on_its_side_is_cut_after_it_was_turned() -> None:
    image = gradient(300, 200)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    lying = decoded(jpeg(image, exif=exif), resize=(20, 40), crop=1)
    upright = decoded(
        jpeg(ImageOps.exif_transpose(Image.open(io.BytesIO(jpeg(image, exif=exif))))), resize=(20, 40), crop=1
    )
    assert (lying.float() - upright.float()).abs().max() <= 3


def test_varying_sizes_are_brought_to_one_and_are_the_same_from_disk(tmp_path: Path) -> None:
    images = [jpeg(gradient(40 + 3 * k, 90 - 2 * k)) for k in range(20)]
    write_parquet(tmp_path / "varying/train-0.parquet", images, [0, 1] * 10)
    with pytest.raises(DataError, match="several sizes"):
        load_data(tmp_path / "varying", memory=0)
    held, kept = (load_data(tmp_path / "varying", resize=(12, 8), crop=0.9, memory=m) for m in ("1 GB", 0))
    assert held.fingerprint == kept.fingerprint and held.shape == (3, 12, 8)
    assert isinstance(kept.train.x, OnDisk) and torch.equal(held.train.x[:], kept.train.x[:])
    assert held.fingerprint != load_data(tmp_path / "varying", resize=(12, 8)).fingerprint


@pytest.mark.parametrize("crop", [0, 1.1, -0.5, True, "half"])
def test_a_crop_that_is_no_share_is_refused(crop: object) -> None:
    with pytest.raises(DataError, match="crop: read"):
        load_data("digits", resize=4, crop=crop)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no resize"):
        load_data("digits", crop=0.5)


def test_what_is_decoded_side_by_side_stands_in_order_and_the_first_fault_is_said() -> None:
    images = [(jpeg(gradient(8, 8 + k)), f"row {k}") for k in range(9)]
    x = Decoder(resize=(8, 8)).stack(images)
    assert all(torch.equal(one, Decoder(resize=(8, 8)).stack([image])[0]) for one, image in zip(x, images))
    images[3], images[7] = (b"nonsense", "row 3"), (b"", "row 7")
    with pytest.raises(DataError, match="row 3: not a readable image"):
        Decoder(resize=(8, 8)).stack(images)
