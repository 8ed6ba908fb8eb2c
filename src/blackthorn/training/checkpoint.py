"""Checkpoints that a power cut cannot spoil: written aside, flushed to disk, then moved into place in one step."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from ..errors import BundleError, StoreError
from ..files import in_place_of, one_line

_FORMAT = "blackthorn-checkpoint-2"


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists and dicts of them) to `path`, whole or not at all.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    try:
        with in_place_of(path) as aside, open(aside, "wb") as file:
            torch.save({"format": _FORMAT, **state}, file)
    except (OSError, RuntimeError) as problem:  # torch reports a failed write as RuntimeError
        reason = one_line(problem, most=80)
        raise StoreError(
            f"{path}: the checkpoint cannot be written ({reason}); free some disk space or check permissions"
        ) from None


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint back; only tensors and plain data are ever unpickled.

    Raises:
        BundleError: the file is no checkpoint of ours, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # ours are; torch would take anything else for a pickle
            if spoilt := archive.testzip():  # torch does not look at the checksums it writes
                raise ValueError(f"{spoilt} is damaged")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # a damaged file can make its reader raise anything
        reason = one_line(problem, most=80)
        raise BundleError(
            f"{path}: not a checkpoint of this program ({reason}); delete it to train from the start"
        ) from None
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise BundleError(f"{path}: not a checkpoint of this version ({_FORMAT}); delete it to train from the start")
    return state
