"""Exporting a network that a person names on the command line: opened as `audit` opens it, written as `deploy` does."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .data import Splits
from .deploy import Exported, export, load
from .deploy.container import header_of
from .deploy.weights import fitted, read_weights
from .errors import BundleError, RecipeError
from .measuring.images import evenly
from .models import build
from .recipes.data import Data
from .recipes.given import beginning, taken
from .recipes.network import is_factory

CALIBRATE = 256  # training images, evenly spread; more change the ranges of activations little


def export_named(
    network: str,
    folder: Path,
    formats: Sequence[str],
    *,
    weights: str | None = None,
    source: str | None = None,
    resize: int | None = None,
    data_root: Path | None = None,
    allow_code: Collection[str] = (),
) -> Exported:
    """Open a network and write its files.

    Args:
        network: a bundle, `package.module:factory`, or a built-in network's name with `weights`.
        folder: where the files go.
        formats: as for `deploy.export`.
        weights: a file of weights for a factory or a built-in network.
        source: labelled images: training images calibrate int8, test images verify every file. Only a bundle says by
            itself which images its network takes.
        resize: bring images to this size; by default to that of a bundle's network.
        data_root: where data sets are looked up by name.
        allow_code: factories that a bundle may call.
    Raises:
        BlackthornError: anything refused, in one line.
    """
    begun = beginning(network, weights)
    size = {**taken(network), **({} if resize is None else {"resize": resize})}
    splits = None if source is None else Data(source=source, valid=0, **size).load(data_root)
    if splits is None and "int8" in formats:
        raise RecipeError("int8 wants training images to calibrate on; add --calibrate SOURCE, such as a folder")
    model = _opened(begun, splits, allow_code)
    if splits is None:
        return export(model, folder, formats)
    train = splits.train if len(splits.train) else splits.test
    calibrate = train.x[evenly(len(train), CALIBRATE)]
    return export(model, folder, formats, images=splits.test.x, calibrate=calibrate)


def _opened(begun: dict[str, Any], splits: Splits | None, allow_code: Collection[str]) -> nn.Module:
    """The network of a row's `model` and `from`."""
    source, model = begun["from"], begun.get("model")
    if not is_factory(source) and (header := header_of(source)) is not None:
        kind = str(header.architecture.get("kind"))
        if ":" in kind and kind not in allow_code:
            raise BundleError(f"{source} is built by '{kind}', which runs code; if you trust it: --allow-code {kind}")
        return load(source, factory=kind if ":" in kind else None).model
    spec = {"kind": source} if model is None else model
    if splits is None:
        raise RecipeError(f"{spec['kind']}: which images it takes is not known; add --calibrate SOURCE")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = build(spec, num_classes=splits.num_classes, shape=splits.shape)
    if model is not None:
        made.load_state_dict(fitted(source, read_weights(source), made.state_dict()))
    return made
