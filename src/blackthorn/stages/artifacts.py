"""What stages leave in their folders and others read: for each file its name, how it is written and how it is read.

Every reader distrusts: a file that is not as a stage wrote it is refused in one line that says what to delete.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from torch import Tensor, nn

from ..deploy import Bundle, OnnxNetwork, load, save
from ..errors import BundleError, StoreError
from ..files import write_whole
from ..pruning import Masks
from ..results import AnyRecord, Record, to_json
from ..seal import check, sealed
from ..values import ValidationError

NETWORK = "network.safetensors"
EXPORTED = ("network.onnx", "network.int8.onnx")
NOISE = "noise.safetensors"
RECORDS = "records.jsonl"
FLAGS = "flags.npy"
EXAMPLES = "examples.safetensors"
HISTORY = "history.jsonl"
ABOUT = "stage.json"

_RECORD: TypeAdapter[Record] = TypeAdapter(AnyRecord)


def damaged(path: Path, why: str) -> StoreError:
    """The complaint about a file of a finished stage that is not as the stage wrote it."""
    return StoreError(f"{path}: cannot be read ({why}); delete the folder {path.parent} and run again")


def save_network(
    folder: Path, model: nn.Module, masks: Masks | None, about: Mapping[str, object], shape: tuple[int, int, int]
) -> None:
    """Keep a network, with its masks and what is known about it."""
    save(folder / NETWORK, model, masks=masks, about=about, example_shape=shape)


def load_network(folder: Path, factory: str | None, into: nn.Module | None = None) -> Bundle:
    """Read a network back; `factory` builds it where the architecture is a person's own, or it is read into a module.

    One that was exported is what its file computes.

    Raises:
        BundleError: it cannot be read.
        ModelError: it was exported, and ONNX Runtime is not installed.
    """
    try:
        check(folder / NETWORK)
        bundle = load(folder / NETWORK, factory=factory, into=into)
        for exported in (folder / name for name in EXPORTED if (folder / name).is_file()):
            check(exported)
            bundle = replace(bundle, model=OnnxNetwork(exported), masks=None)
        return bundle
    except BundleError as problem:
        if sealed(folder) is not None and (factory is not None or into is not None):  # the file is as it was written
            raise BundleError(f"{problem}; what builds the network gives another one than when the stage ran") from None
        raise BundleError(f"{problem}; delete the folder {folder} and run again") from None
    except (OSError, ValueError) as problem:
        raise damaged(folder / NETWORK, str(problem)) from None


def save_noise(folder: Path, noise: Tensor) -> None:
    """Keep a universal noise, (channels, height, width)."""
    _save_tensors(folder / NOISE, {"noise": noise})


def load_noise(folder: Path) -> Tensor:
    """Read a noise back.

    Raises:
        StoreError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        check(folder / NOISE)
        return load_file(folder / NOISE)["noise"]
    except (OSError, ValueError, SafetensorError, KeyError) as problem:
        raise damaged(folder / NOISE, str(problem)) from None


def save_records(folder: Path, records: Sequence[Record]) -> None:
    """Keep what was measured."""
    _save_lines(folder / RECORDS, [to_json(record) for record in records])


def load_records(folder: Path) -> list[Record]:
    """Read what was measured back; there is at least one record.

    Raises:
        StoreError: the file is missing or damaged.
    """
    path = folder / RECORDS
    try:
        check(path)
        records = [_RECORD.validate_json(line) for line in path.read_bytes().splitlines()]
    except ValidationError as problem:
        said = problem.errors(include_url=False)[0]
        where = ".".join(map(str, said["loc"]))
        raise damaged(path, f"{where}: {said['msg']}" if where else said["msg"]) from None
    except (OSError, ValueError) as problem:
        raise damaged(path, str(problem)) from None
    if not records:
        raise damaged(path, "no records")
    return records


def save_flags(folder: Path, flags: Tensor) -> None:
    """Keep right or wrong for every test image."""
    written = io.BytesIO()
    np.save(written, flags.cpu().numpy(), allow_pickle=False)
    write_whole(folder / FLAGS, written.getvalue())


def load_flags(folder: Path) -> NDArray[np.bool_]:
    """Read right or wrong for every test image back.

    Raises:
        StoreError: the file is missing or damaged.
    """
    path = folder / FLAGS
    try:
        check(path)
        flags: NDArray[np.bool_] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise damaged(path, str(problem)) from None
    if not isinstance(flags, np.ndarray) or flags.dtype != bool or flags.ndim != 1:
        raise damaged(path, "not one yes or no for each image")
    return flags


def save_examples(folder: Path, examples: Mapping[str, Tensor]) -> None:
    """Keep a few images for people to look at; the report reads them."""
    _save_tensors(folder / EXAMPLES, examples)


def save_history(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Keep a line for every epoch of a training."""
    _save_lines(folder / HISTORY, [dict(epoch) for epoch in history])


def save_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Keep what the stage says about itself."""
    write_whole(folder / ABOUT, json.dumps(about, indent=1, default=str).encode())


def load_about(folder: Path) -> dict[str, Any]:
    """Read what a finished stage says about itself, with the `seconds` that it took.

    Raises:
        StoreError: the file is missing or damaged.
    """
    try:
        check(folder / ABOUT)
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return {**about, "seconds": float(about["seconds"])}
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as problem:
        raise damaged(folder / ABOUT, str(problem)) from None


def _save_tensors(path: Path, tensors: Mapping[str, Tensor], about: dict[str, str] | None = None) -> None:
    from safetensors.torch import save as to_bytes

    write_whole(path, to_bytes({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, about))


def _save_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    write_whole(path, text.encode())
