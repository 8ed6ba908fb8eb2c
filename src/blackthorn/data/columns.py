"""Which column holds the images and which the labels: found by type, since names differ everywhere."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..errors import DataError

_IMAGE_NAMES = ("image", "img")
_LABEL_NAMES = ("label", "labels", "fine_label")  # the last: CIFAR-100's hundred, beside twenty coarse ones


def image_column(features: Mapping[str, object], where: str) -> str:
    """The column of type Image, or the struct of encoded bytes that is left when that type was lost."""
    from datasets import Image

    found = [name for name, feature in features.items() if isinstance(feature, Image)]
    found = found or [name for name, feature in features.items() if isinstance(feature, dict) and "bytes" in feature]
    return _pick(found, _IMAGE_NAMES, "image", features, where)


def label_column(features: Mapping[str, object], where: str) -> str:
    """The column of type ClassLabel; where there is none, the one of whole numbers or of strings.

    Of several, the one named label, labels or fine_label.
    """
    from datasets import ClassLabel, Value

    found = [name for name, feature in features.items() if isinstance(feature, ClassLabel)]
    found = found or [
        name
        for name, feature in features.items()
        if isinstance(feature, Value) and feature.dtype.startswith(("int", "uint", "string", "large_string"))
    ]
    return _pick(found, _LABEL_NAMES, "label", features, where)


def encode(
    read: Mapping[str, Sequence[int | str | None]], names: Sequence[str] | None, column: str, where: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Labels as int64 (n,) for each split, and the class names.

    Without `names`, the classes are the different values of all splits, in order.

    Raises:
        DataError: a label is missing, negative or beyond its names, or there is one class only.
    """
    for split, labels in read.items():
        for row, label in enumerate(labels):
            if label is None or (isinstance(label, int) and label < 0):
                word = "missing" if label is None else f"{label}, which stands for no label"
                raise DataError(f"{where}: {split} row {row}: column '{column}' is {word}; leave such rows out")
            if names is not None and isinstance(label, int) and label >= len(names):
                raise DataError(f"{where}: {split} row {row}: column '{column}' is {label} of {len(names)} classes")

    if names is None:
        values = sorted({label for labels in read.values() for label in labels if label is not None}, key=_order)
        if len(values) >= max(10, len(read["train"])):
            raise DataError(f"{where}: column '{column}' is different in every row: it holds no classes")
        position = {value: k for k, value in enumerate(values)}
        encoded = {split: [position[label] for label in labels if label is not None] for split, labels in read.items()}
        names = [str(value) for value in values]
    else:
        encoded = {split: [int(label) for label in labels if label is not None] for split, labels in read.items()}

    seen = set(encoded["train"])
    if len(seen) == 1:
        only = names[seen.pop()]
        raise DataError(f"{where}: column '{column}' has one class only ('{only}') in train; two or more are needed")
    return {split: torch.tensor(labels, dtype=torch.int64) for split, labels in encoded.items()}, tuple(names)


def _order(value: int | str) -> tuple[int, str]:
    return (value, "") if isinstance(value, int) else (0, value)


def _pick(found: list[str], preferred: Sequence[str], what: str, features: Mapping[str, object], where: str) -> str:
    named = [name for name in preferred if name in found]
    if len(found) == 1 or named:
        return found[0] if len(found) == 1 else named[0]
    if found:
        raise DataError(
            f"{where}: several columns could be the {what}: {', '.join(found)}; "
            f"rename the one that is meant to '{what}'"
        )
    read = ", ".join(f"{name} ({_kind(feature)})" for name, feature in features.items()) or "none"
    raise DataError(f"{where}: no {what} column; columns read: {read}")


def _kind(feature: object) -> str:
    dtype = getattr(feature, "dtype", None)
    return dtype if type(feature).__name__ == "Value" and isinstance(dtype, str) else type(feature).__name__
