"""Checkpoints that a power cut cannot spoil: written aside, flushed to disk, then moved into place in one step."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from ..errors import BundleError, StoreError

_FORMAT = "blackthorn-checkpoint-1"


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists and dicts of them) to `path`, whole or not at all.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    aside = path.with_suffix(".writing")
    try:
        with open(aside, "wb") as file:
            torch.save({"format": _FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except (OSError, RuntimeError) as problem:  # torch reports a failed write as RuntimeError
        aside.unlink(missing_ok=True)
        raise StoreError(
            f"{path}: the checkpoint cannot be written ({problem}); free some disk space or check permissions"
        ) from None


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint back; only tensors and plain data are ever unpickled.

    Raises:
        BundleError: the file is no checkpoint of ours.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise BundleError(
            f"{path}: not a checkpoint of this program ({reason[:80]}); delete it to train from the start"
        ) from None
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise BundleError(f"{path}: not a checkpoint of this version ({_FORMAT}); delete it to train from the start")
    return state
