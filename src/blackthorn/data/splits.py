"""Which images are for training, for validation and for test: a fixed rule, the same on every machine."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import DataError

Chosen = tuple[str, Tensor]
"""A part of the source and the positions taken from it, int64 (n,)."""

_SEED = 20180604  # any constant; part of the meaning of every fingerprint
_TEST_SHARE = 10
_VALID_SHARE, _VALID_MOST = 10, 5000  # a tenth, at most MNIST's customary 5,000 of 60,000


def divide(
    labels: Mapping[str, Tensor],
    *,
    valid: int | float | None = None,
    train: int | None = None,
    test: int | None = None,
) -> dict[str, Chosen]:
    """Choose train, valid and test from the labels of the parts that a source has.

    Test images are those of the part `test`, else of `validation`, else a stratified tenth of `train`.
    Validation images are the source's own when it has both other parts and `valid` is None; else the last
    `valid` training images, as is the custom on MNIST; where that tail misses a class (sorted data), a
    stratified choice. `train` and `test` keep the first so many of a fixed shuffle, so smaller caps are
    prefixes of larger ones; the default tenth, and a fraction, are of the images that the cap keeps.

    Raises:
        DataError: a number that makes no sense, or a split left without images.
    """
    for name, cap in (("train", train), ("test", test)):
        if cap is not None and (not isinstance(cap, int) or isinstance(cap, bool) or cap < 1):
            raise DataError(f"{name}: read {cap!r}; write a number of images of at least 1, or leave it out for all")

    pool = torch.arange(len(labels["train"]))
    if "test" in labels or "validation" in labels:
        held_in = "test" if "test" in labels else "validation"
        held = torch.arange(len(labels[held_in]))
    else:
        classes = _classes(labels["train"])  # each should be seen in the test, but not only there
        count = max(len(pool) // _TEST_SHARE, min(classes, len(pool) // 2))
        held_in, held = "train", stratified(labels["train"], count)
        pool = _without(pool, held)

    if valid is None and held_in == "test" and "validation" in labels:
        checked = ("validation", torch.arange(len(labels["validation"])))
    else:
        count = _count(valid, min(train or len(pool), len(pool)), len(pool))
        tail = pool[len(pool) - count :]
        y = labels["train"]
        if count and _classes(y[tail]) < _classes(y[pool]):
            tail = pool[stratified(y[pool], count)]
        checked = ("train", tail)
        pool = _without(pool, tail)
    return {"train": ("train", _cap(pool, train)), "valid": checked, "test": (held_in, _cap(held, test))}


def stratified(y: Tensor, n: int) -> Tensor:
    """Positions of `n` images, in order, by a fixed seed: each class in proportion (largest remainders)."""
    counts = torch.bincount(y).tolist()
    share = n / len(y)
    take = [math.floor(count * share + 1e-9) for count in counts]
    # A class is emptied only when nothing else is left; then the largest remainder; then the smaller label.
    left = [k for k, count in enumerate(counts) if take[k] < count]
    left.sort(key=lambda k: (take[k] + 1 == counts[k], take[k] - counts[k] * share, k))
    for k in left[: n - sum(take)]:
        take[k] += 1
    shuffled = torch.randperm(len(y), generator=torch.Generator().manual_seed(_SEED))
    chosen = [shuffled[y[shuffled] == k][:size] for k, size in enumerate(take)]
    return torch.cat(chosen).sort().values


def _count(valid: int | float | None, used: int, available: int) -> int:
    if valid is None:
        return min(_VALID_MOST, used // _VALID_SHARE)
    if isinstance(valid, bool) or not isinstance(valid, (int, float)) or not 0 <= valid < math.inf:
        raise DataError(f"valid: read {valid!r}; write a number of images (500) or a fraction (0.1)")
    if isinstance(valid, float) and valid >= 1:
        raise DataError(f"valid: read {valid!r}; a fraction is below 1; for a number of images write {int(valid)}")
    count = round(valid * used) if isinstance(valid, float) else valid
    if count >= available:
        raise DataError(f"valid: read {count}, which leaves nothing of {available} training images; write less")
    return count


def _classes(y: Tensor) -> int:
    return int((torch.bincount(y) > 0).sum())


def _without(pool: Tensor, taken: Tensor) -> Tensor:
    return pool[~torch.isin(pool, taken)]


def _cap(pool: Tensor, most: int | None) -> Tensor:
    if most is None or most >= len(pool):
        return pool
    return pool[torch.randperm(len(pool), generator=torch.Generator().manual_seed(_SEED))[:most]]
