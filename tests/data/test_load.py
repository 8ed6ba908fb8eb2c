import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from blackthorn.data import load_data
from blackthorn.errors import DataError

from .conftest import pixels, write_parquet


def test_digits_are_1437_and_360_images_of_8x8_scaled_to_255() -> None:
    splits = load_data("digits")
    assert (len(splits.train) + len(splits.valid), len(splits.test)) == (1437, 360)
    assert splits.shape == (1, 8, 8)
    assert splits.num_classes == 10
    assert splits.train.x.max() == 255
    assert set(splits.train.x.unique().tolist()) <= {round(k * 255 / 16) for k in range(17)}


def test_the_digits_test_split_holds_a_fifth_of_every_class() -> None:
    splits = load_data("digits", valid=0)
    held, all_ = splits.test.y.bincount(), splits.test.y.bincount() + splits.train.y.bincount()
    assert ((held - all_ * 360 / 1797).abs() < 1).all()


def test_digits_can_be_resized_and_coloured() -> None:
    assert load_data("digits", resize=12, mode="RGB").shape == (3, 12, 12)


def test_a_parquet_folder_gives_the_very_pixels_and_labels(bees: Path) -> None:
    splits = load_data(str(bees), valid=10)
    assert np.array_equal(splits.train.x[:, 0].numpy(), pixels(40, 6, 5)[:30])
    assert np.array_equal(splits.valid.x[:, 0].numpy(), pixels(40, 6, 5)[30:])
    assert np.array_equal(splits.test.x[:, 0].numpy(), pixels(10, 6, 5, seed=1))
    assert splits.train.y.tolist() == [0, 1] * 15
    assert (splits.name, splits.train.classes, splits.shape) == ("bees", ("ant", "bee"), (1, 6, 5))


def test_several_shards_are_read_in_order(tmp_path: Path) -> None:
    images = pixels(9, 4, 4)
    for k in range(3):
        write_parquet(tmp_path / "s" / f"train-{k:05d}-of-00003.parquet", list(images[3 * k : 3 * k + 3]), [0, 1, 0])
    write_parquet(tmp_path / "s/test-00000-of-00001.parquet", list(images[:2]), [0, 1])
    assert np.array_equal(load_data(tmp_path / "s", valid=0).train.x[:, 0].numpy(), images)


def test_parquet_in_a_data_folder_is_found(tmp_path: Path, bees: Path) -> None:
    (tmp_path / "nested").mkdir()
    bees.rename(tmp_path / "nested" / "data")
    assert len(load_data(tmp_path / "nested").test) == 10


def test_a_readme_may_say_where_the_files_are(tmp_path: Path) -> None:
    write_parquet(tmp_path / "r/a.parquet", list(pixels(20, 4, 4)), [0, 1] * 10)
    write_parquet(tmp_path / "r/b.parquet", list(pixels(4, 4, 4)), [0, 1] * 2)
    card = "configs:\n- config_name: default\n  data_files:\n  - {split: train, path: a.parquet}\n"
    (tmp_path / "r/README.md").write_text(f"---\n{card}  - {{split: test, path: b.parquet}}\n---\n# Bees\n")
    splits = load_data(tmp_path / "r")
    assert (len(splits.train), len(splits.valid), len(splits.test)) == (18, 2, 4)


def test_one_of_several_configurations_is_named_after_a_colon(tmp_path: Path) -> None:
    card = "configs:\n"
    for name, n in (("small", 20), ("large", 40)):
        write_parquet(tmp_path / f"r/{name}.parquet", list(pixels(n, 4, 4)), [0, 1] * (n // 2))
        card += f"- config_name: {name}\n  data_files: {name}.parquet\n"
    (tmp_path / "r/README.md").write_text(f"---\n{card}---\n")
    assert len(load_data(f"{tmp_path}/r:large", valid=0).train) == 36
    with pytest.raises(DataError, match=r"small.*large"):
        load_data(tmp_path / "r")


def test_an_image_folder_has_its_classes_sorted_by_name(
    tmp_path: Path, write_images: Callable[[Path, int], None]
) -> None:
    write_images(tmp_path / "f/train", 6)
    write_images(tmp_path / "f/test", 2)
    splits = load_data(tmp_path / "f", valid=0)
    assert splits.train.classes == ("ant", "bee")
    ants = splits.train.x[splits.train.y == 0].permute(0, 2, 3, 1).numpy()
    assert np.array_equal(ants, pixels(6, 4, 4, 3, seed=1))
    assert len(splits.test) == 4


def test_a_flat_image_folder_holds_out_a_stratified_tenth(
    tmp_path: Path, write_images: Callable[[Path, int], None]
) -> None:
    write_images(tmp_path / "f", 40)
    splits = load_data(tmp_path / "f", valid=10)
    assert splits.test.y.tolist() == [0] * 4 + [1] * 4
    assert splits.valid.y.tolist() == [0] * 5 + [1] * 5
    assert len(splits.train) == 62


def test_a_validation_split_is_the_test_split_where_there_is_no_other(tmp_path: Path) -> None:
    write_parquet(tmp_path / "v/train-0.parquet", list(pixels(20, 4, 4)), [0, 1] * 10)
    write_parquet(tmp_path / "v/validation-0.parquet", list(pixels(4, 4, 4, seed=1)), [0, 1] * 2)
    assert np.array_equal(load_data(tmp_path / "v").test.x[:, 0].numpy(), pixels(4, 4, 4, seed=1))


def test_a_source_with_three_splits_keeps_them(tmp_path: Path, bees: Path) -> None:
    write_parquet(bees / "validation-00000-of-00001.parquet", list(pixels(6, 6, 5, seed=2)), [0, 1] * 3)
    splits = load_data(bees)
    assert (len(splits.train), len(splits.valid), len(splits.test)) == (40, 6, 10)


def test_a_folder_under_the_data_root_comes_before_the_hub(
    tmp_path: Path, bees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(load_data("bees", data_root=tmp_path).test) == 10
    monkeypatch.setenv("BLACKTHORN_DATA", str(tmp_path))
    assert len(load_data("bees").test) == 10
    assert len(load_data("someone/bees").test) == 10


def test_a_hub_like_folder_is_preferred_to_one_of_its_last_name(tmp_path: Path, bees: Path) -> None:
    write_parquet(tmp_path / "someone/bees/train-0.parquet", list(pixels(20, 4, 4)), [0, 1] * 10)
    assert load_data("someone/bees", data_root=tmp_path).shape == (1, 4, 4)


def test_mnist_is_found_under_the_name_it_has_on_the_hub(tmp_path: Path, bees: Path) -> None:
    (tmp_path / "ylecun").mkdir()
    bees.rename(tmp_path / "ylecun/mnist")
    assert len(load_data("mnist", data_root=tmp_path).test) == 10


def test_an_existing_path_is_not_shadowed_by_its_last_name(
    tmp_path: Path, bees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_parquet(tmp_path / "other/bees/train-0.parquet", list(pixels(20, 4, 4)), [0, 1] * 10)
    assert load_data("other/bees", data_root=tmp_path).shape == (1, 4, 4)


def test_the_same_images_have_the_same_fingerprint_wherever_they_lie(tmp_path: Path, bees: Path) -> None:
    first = load_data(bees)
    bees.rename(tmp_path / "wasps")
    again = load_data(tmp_path / "wasps")
    assert re.fullmatch("[0-9a-f]{16}", first.fingerprint)
    assert again.fingerprint == first.fingerprint


@pytest.mark.parametrize("change", [{"train": 20}, {"test": 4}, {"valid": 3}, {"resize": 7}, {"mode": "RGB"}])
def test_whatever_changes_the_images_used_changes_the_fingerprint(bees: Path, change: dict[str, object]) -> None:
    assert load_data(bees, **change).fingerprint != load_data(bees).fingerprint  # type: ignore[arg-type]


def test_one_changed_pixel_changes_the_fingerprint(tmp_path: Path, bees: Path) -> None:
    before = load_data(bees).fingerprint
    images = pixels(40, 6, 5)
    images[39, 5, 4] ^= 1
    write_parquet(bees / "train-00000-of-00001.parquet", list(images), [0, 1] * 20)
    assert load_data(bees).fingerprint != before


def test_resizing_and_conversion_are_those_of_pillow(tmp_path: Path) -> None:
    images = [Image.fromarray(image) for image in (*pixels(10, 9, 7, 3), *pixels(10, 12, 12, 3))]
    write_parquet(tmp_path / "p/train-0.parquet", images, [0, 1] * 10)
    write_parquet(tmp_path / "p/test-0.parquet", images, [0, 1] * 10)
    splits = load_data(tmp_path / "p", resize=(6, 4), mode="L")
    wanted = [np.asarray(image.convert("L").resize((4, 6), Image.Resampling.BILINEAR)) for image in images]
    assert np.array_equal(splits.test.x[:, 0].numpy(), np.stack(wanted))


def test_loading_leaves_the_global_generator_alone(bees: Path) -> None:
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    load_data(bees, train=20)
    assert torch.equal(torch.rand(3), wanted)


def test_loading_a_folder_writes_nothing_into_it_or_beside_it(
    tmp_path: Path, bees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in bees.rglob("*")}
    monkeypatch.chdir(tmp_path)
    load_data(bees)
    assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in bees.rglob("*")} == before
    assert {path.name for path in tmp_path.iterdir()} == {"bees", "cache"}
