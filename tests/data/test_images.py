import pytest
import torch

from blackthorn.data import ImageSet, check_labels, of_each_class, pixels, stripes
from blackthorn.errors import DataError

X = torch.zeros(2, 1, 3, 3, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X.double(), torch.tensor([0, 1]), r"images: read torch.float64 \(2, 1, 3, 3\)"),
        (X[0], torch.tensor([0, 1]), r"images: read torch.uint8 \(1, 3, 3\)"),
        (X, torch.tensor([0]), r"labels: read torch.int64 \(1,\)"),
        (X, torch.tensor([0, 2]), "labels: read 0 to 2; 2 classes need 0 to 1"),
        (X, torch.tensor([-1, 1]), "labels: read -1 to 1"),
    ],
)
def test_an_image_set_refuses_other_tensors(x: torch.Tensor, y: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageSet(x, y, ("a", "b"))


def test_a_subset_is_by_position_or_by_flag() -> None:
    images = stripes().train
    assert torch.equal(images.subset(torch.tensor([4, 1])).x, images.x[[4, 1]])
    assert len(images.subset(images.y == 2)) == 128
    assert images.subset(slice(0, 5)).x.data_ptr() == images.x.data_ptr()


@pytest.mark.parametrize(
    ("labels", "count", "chosen"), [([2, 2, 0, 2, 0, 1], 2, [0, 1, 2, 4, 5]), ([1, 0], 9, [0, 1]), ([], 3, [])]
)
def test_the_first_of_each_class_are_taken_in_order(labels: list[int], count: int, chosen: list[int]) -> None:
    assert of_each_class(torch.tensor(labels, dtype=torch.int64), count).tolist() == chosen


def test_moving_to_where_they_are_copies_nothing() -> None:
    images = stripes().train
    assert images.to("cpu") is images


def test_stripes_are_balanced_repeatable_and_shaped_as_asked() -> None:
    splits = stripes(train=60, valid=0, test=12, classes=3, size=10, channels=3)
    assert (splits.shape, splits.num_classes) == ((3, 10, 10), 3)
    assert splits.train.y.bincount().tolist() == [20, 20, 20]
    assert len(splits.valid) == 0
    assert torch.equal(splits.train.x, stripes(train=60, classes=3, size=10, channels=3).train.x)
    assert splits.fingerprint != stripes(train=60, valid=0, test=12, classes=3, size=10, channels=3, seed=1).fingerprint


def test_stripes_are_learnt_by_a_linear_classifier_in_a_moment() -> None:
    splits = stripes()
    x, y = pixels(splits.train.x).flatten(1), splits.train.y
    weights = torch.linalg.lstsq(torch.cat([x, torch.ones(len(x), 1)], 1), torch.eye(4)[y]).solution
    z = pixels(splits.test.x).flatten(1)
    predicted = torch.cat([z, torch.ones(len(z), 1)], 1) @ weights
    assert (predicted.argmax(1) == splits.test.y).float().mean() > 0.95


def test_stored_and_float_pixels_become_float32_in_the_unit_interval() -> None:
    stored = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert torch.equal(pixels(stored), torch.tensor([0.0, 51 / 255, 1.0]))
    assert stored.dtype == torch.uint8 and pixels(torch.ones(2, dtype=torch.float64)).dtype == torch.float32


@pytest.mark.parametrize("wrong", [[0.0, 255.0], [-0.1, 0.5], [float("nan"), 0.5]])
def test_floats_that_are_no_pixels_are_refused(wrong: list[float]) -> None:
    with pytest.raises(DataError, match=r"pixels lie in .*must be in \[0, 1\]: divide by 255"):
        pixels(torch.tensor(wrong))


@pytest.mark.parametrize(("y", "says"), [(torch.zeros(2), "3 images with 2 labels"), (torch.zeros(3, 2), r"\(3, 2\)")])
def test_images_without_one_label_each_are_refused(y: torch.Tensor, says: str) -> None:
    check_labels(torch.zeros(3, 1, 2, 2), torch.zeros(3))
    with pytest.raises(DataError, match=says):
        check_labels(torch.zeros(3, 1, 2, 2), y)
