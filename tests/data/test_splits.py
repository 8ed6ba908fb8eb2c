import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from blackthorn.data.splits import divide, stratified
from blackthorn.errors import DataError

MIXED = torch.arange(1000) % 10


def sizes(labels: dict[str, Tensor], **options: int | float | None) -> tuple[int, ...]:
    chosen = divide(labels, **options)  # type: ignore[arg-type]
    return tuple(len(chosen[split][1]) for split in ("train", "valid", "test"))


def test_the_last_5000_of_mnist_are_for_validation() -> None:
    chosen = divide({"train": torch.arange(60_000) % 10, "test": torch.arange(10_000) % 10})
    assert torch.equal(chosen["train"][1], torch.arange(55_000))
    assert torch.equal(chosen["valid"][1], torch.arange(55_000, 60_000))


@pytest.mark.parametrize(
    ("valid", "wanted"),
    [(None, (900, 100)), (0, (1000, 0)), (30, (970, 30)), (0.25, (750, 250)), (0.0, (1000, 0))],
)
def test_validation_is_a_tenth_or_as_asked(valid: int | float | None, wanted: tuple[int, int]) -> None:
    assert sizes({"train": MIXED, "test": MIXED}, valid=valid)[:2] == wanted


def test_sorted_data_gets_a_stratified_validation_split() -> None:
    y = MIXED.sort().values
    index = divide({"train": y, "test": y})["valid"][1]
    assert y[index].bincount().tolist() == [10] * 10
    assert torch.equal(index, index.sort().values)


def test_a_cap_leaves_the_validation_images_of_the_whole_and_a_tenth_of_the_cap() -> None:
    chosen = divide({"train": MIXED, "test": MIXED}, train=200, test=50)
    assert [len(chosen[split][1]) for split in ("train", "valid", "test")] == [200, 20, 50]
    assert torch.equal(chosen["valid"][1], torch.arange(980, 1000))


def test_a_smaller_cap_is_a_prefix_of_a_larger_one() -> None:
    small, large = (divide({"train": MIXED, "test": MIXED}, valid=50, train=n)["train"][1] for n in (100, 300))
    assert torch.equal(small, large[:100])


def test_a_cap_above_the_whole_uses_all_in_order() -> None:
    chosen = divide({"train": MIXED, "test": MIXED}, valid=0, train=5000, test=5000)
    assert torch.equal(chosen["train"][1], torch.arange(1000))
    assert torch.equal(chosen["test"][1], torch.arange(1000))


def test_capped_classes_are_balanced_on_average() -> None:
    y = MIXED.sort().values
    index = divide({"train": y, "test": y}, valid=0, train=300)["train"][1]
    assert (y[index].bincount() - 30).abs().max() < 5 * math.sqrt(30)


@given(
    st.integers(20, 300),
    st.integers(1, 5),
    st.sampled_from([None, 0, 1, 7, 0.3]),
    st.sampled_from([None, 1, 13]),
)
def test_splits_never_share_an_image(n: int, classes: int, valid: float | None, train: int | None) -> None:
    chosen = divide({"train": torch.arange(n) % classes}, valid=valid, train=train)
    together = torch.cat([index for part, index in chosen.values() if part == "train"])
    assert len(together.unique()) == len(together)
    assert train is not None or len(together) == n


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.data())
def test_stratified_takes_each_class_in_proportion(labels: list[int], data: st.DataObject) -> None:
    y = torch.tensor(labels)
    n = data.draw(st.integers(1, len(y) - 1))
    index = stratified(y, n)
    assert len(index.unique()) == n
    taken, quota = y[index].bincount(minlength=5), y.bincount(minlength=5) * n / len(y)
    assert ((taken - quota).abs() < 1 + 1e-6).all()


def test_stratified_does_not_empty_a_class_of_one() -> None:
    assert 10 not in stratified(torch.tensor([0] * 10 + [1]), 6).tolist()


@pytest.mark.parametrize("valid", [-1, 1.0, 1.5, math.nan, math.inf, True, "5", 100, 1000])
def test_a_validation_split_that_makes_no_sense_is_refused(valid: float) -> None:
    with pytest.raises(DataError, match=r"^valid: read "):
        divide({"train": MIXED[:100], "test": MIXED}, valid=valid)


@pytest.mark.parametrize("cap", [0, -1, 1.5, True, "5"])
def test_a_cap_that_makes_no_sense_is_refused(cap: int) -> None:
    with pytest.raises(DataError, match=r"^train: read "):
        divide({"train": MIXED, "test": MIXED}, train=cap)
    with pytest.raises(DataError, match=r"^test: read "):
        divide({"train": MIXED, "test": MIXED}, test=cap)
