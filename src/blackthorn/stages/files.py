"""The files in a finished stage's folder: their names, and reading them back with distrust."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..running.store import damaged

NETWORK = "network.safetensors"
HISTORY = "history.jsonl"
RECORDS = "records.jsonl"
FLAGS = "flags.npy"
EXAMPLES = "examples.safetensors"
NOISE = "noise.safetensors"
ABOUT = "stage.json"


def read_flags(folder: Path) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Right or wrong for each test image.

    Raises:
        StoreError: the file is missing or damaged.
    """
    try:
        flags: np.ndarray[Any, np.dtype[np.bool_]] = np.load(folder / FLAGS, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise damaged(folder / FLAGS, str(problem)) from None
    if not isinstance(flags, np.ndarray) or flags.dtype != bool or flags.ndim != 1:
        raise damaged(folder / FLAGS, "not one yes or no for each image")
    return flags


def read_about(folder: Path) -> dict[str, Any]:
    """What a finished stage says about itself, with the `seconds` it took.

    Raises:
        StoreError: the file is missing or damaged.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return {**about, "seconds": float(about["seconds"])}
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise damaged(folder / ABOUT, str(problem)) from None
