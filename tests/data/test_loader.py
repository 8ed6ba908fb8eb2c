from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blackthorn.data import Crop, Flip, ImageSet, batches, pixels
from blackthorn.errors import DataError
from blackthorn.speed.ranks import Ranks


def numbered(n: int) -> ImageSet:
    """Image i is filled with i."""
    return ImageSet(
        torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 2),
        torch.arange(n) % 3,
        tuple("abc"),
    )


def order(n: int, **options: int | None) -> list[int]:
    return [round(v * 255) for x, _ in batches(numbered(n), 4, **options) for v in x[:, 0, 0, 0].tolist()]  # type: ignore[arg-type]


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(1, 70), st.one_of(st.none(), st.integers(0, 9)), st.booleans())
def test_batches_partition_the_images(n: int, size: int, seed: int | None, drop_last: bool) -> None:
    seen = [(x, y) for x, y in batches(numbered(n), size, seed=seed, drop_last=drop_last)]
    assert [len(y) for _, y in seen] == [size] * (n // size) + ([n % size] if n % size and not drop_last else [])
    which = [round(v * 255) for x, _ in seen for v in x[:, 0, 0, 0].tolist()]
    assert len(set(which)) == len(which)
    assert drop_last or sorted(which) == list(range(n))
    assert [int(label) for _, y in seen for label in y] == [k % 3 for k in which]


def test_batches_are_float32_pixels_between_0_and_1() -> None:
    x, y = next(batches(numbered(200), 200, seed=None))
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
    assert torch.equal(x[:, 0, 0, 0], torch.arange(200) / 255)


def test_no_seed_keeps_the_order() -> None:
    assert order(10, seed=None) == list(range(10))


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    torch.manual_seed(1)
    first = order(40, seed=3, epoch=2)
    torch.manual_seed(2)
    assert order(40, seed=3, epoch=2) == first
    assert len({tuple(order(40, seed=s, epoch=e)) for s in range(4) for e in range(4)}) == 16


def test_the_order_stays_the_same_across_versions() -> None:
    assert order(8, seed=0, epoch=0) == [1, 6, 5, 0, 2, 4, 3, 7]


def test_augmentation_changes_no_order_and_repeats_itself() -> None:
    plain = [y for _, y in batches(numbered(50), 8, seed=5)]
    once = list(batches(numbered(50), 8, seed=5, augment=[Crop(pad=1), Flip()]))
    again = list(batches(numbered(50), 8, seed=5, augment=[Crop(pad=1), Flip()]))
    assert all(torch.equal(y, z) for y, (_, z) in zip(plain, once))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(once, again))


def test_the_global_generator_is_not_touched() -> None:
    torch.manual_seed(11)
    wanted = torch.rand(4)
    torch.manual_seed(11)
    for _ in batches(numbered(20), 4, seed=0, augment=[Crop(), Flip()]):
        pass
    assert torch.equal(torch.rand(4), wanted)


def test_batches_do_not_share_memory_with_the_images() -> None:
    images = ImageSet(torch.full((4, 1, 2, 2), 9, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64), ("a",))
    for x, y in batches(images, 4, seed=0):
        x.zero_()
        y.fill_(7)
    assert images.x.float().mean() == 9
    assert images.y.sum() == 0


def test_a_batch_size_of_zero_is_refused_before_the_first_batch() -> None:
    with pytest.raises(DataError, match="batch_size: read 0"):
        batches(numbered(3), 0, seed=0)


def test_pixels_divides_by_255() -> None:
    assert torch.equal(pixels(torch.tensor([0, 51, 255], dtype=torch.uint8)), torch.tensor([0.0, 0.2, 1.0]))


def test_float_images_are_served_as_they_are_inside_the_unit_interval_or_not() -> None:
    x = torch.linspace(-1, 2, 12).view(12, 1, 1, 1)
    images = ImageSet(x, torch.zeros(12, dtype=torch.int64), ("a",))
    served = torch.cat([batch for batch, _ in batches(images, 5, seed=3)])
    assert torch.equal(served.flatten().sort().values, x.flatten())
    assert torch.equal(images.x, torch.linspace(-1, 2, 12).view(12, 1, 1, 1))  # and nothing was divided in place
    assert pixels(x, bounded=False) is x


@settings(max_examples=50)
@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.one_of(st.none(), st.integers(0, 9)), st.booleans()
)
def test_the_parts_of_all_ranks_are_the_batches_of_one(
    n: int, size: int, count: int, seed: int | None, augmented: bool
) -> None:
    augment = [Crop(pad=1), Flip()] if augmented else []
    options: dict[str, Any] = {"seed": seed, "epoch": 2, "augment": augment}
    shared = [list(batches(numbered(n), size, ranks=Ranks(rank, count), **options)) for rank in range(count)]
    for number, (x, y) in enumerate(batches(numbered(n), size, **options)):
        parts = [Ranks(rank, count).part(len(y)) for rank in range(count)]
        assert sum(part.weight for part in parts) == pytest.approx(1)
        assert max(part.counted for part in parts) - min(part.counted for part in parts) <= 1
        served = [shared[rank][number] for rank in range(count)]
        assert torch.equal(torch.cat([a[: part.counted] for (a, _), part in zip(served, parts)]), x)
        assert torch.equal(torch.cat([b[: part.counted] for (_, b), part in zip(served, parts)]), y)
        assert all(len(b) == max(1, part.counted) for (_, b), part in zip(served, parts))  # nobody stands idle
