"""Which arithmetic is faster, bf16 or float32: measured on this machine, not guessed.

Processors with bf16 matrix units search for adversarial images two to three times faster in bf16; on others bf16 is
emulated and slower.
"""

import hashlib
import os
import platform
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, get_args

import torch
from filelock import FileLock

from ..files import cache_folder, write_whole

Precision = Literal["auto", "float32", "bf16"]
Chosen = Literal["float32", "bf16"]

# bf16 must be this much faster; below, timing noise would decide and results would change from run to run.
_WORTH = 1.25


def arithmetic(precision: Chosen, device: torch.device) -> AbstractContextManager[None]:
    """The context in which forward and backward passes run in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def resolve(
    precision: Precision, work: Callable[[], object], device: torch.device, situation: tuple[object, ...]
) -> Chosen:
    """What `auto` stands for: bf16 if `work` is clearly faster in it, else float32.

    The outcome is kept in the cache folder (`BLACKTHORN_CACHE`), one file for each situation on each machine, so that
    timing noise does not give a repeated or resumed run other numbers. Where that folder cannot be written, each call
    measures anew.

    Args:
        precision: anything but `auto` is returned as it is.
        work: what is timed, in both precisions.
        device: where it runs.
        situation: whatever else decides how long it takes, such as the network's shape and the batch size.
    """
    if precision != "auto":
        return precision
    path = _path((*situation, str(device), torch.get_num_threads()))
    try:
        if (known := _read(path)) is not None:
            return known
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):  # two processes that measure at once would disturb each other, too
            if (known := _read(path)) is not None:
                return known
            measured = _faster(work, device)
            write_whole(path, measured.encode())
            return measured
    except (OSError, NotImplementedError):  # costs repeatability, never a result
        return _faster(work, device)


def _path(situation: tuple[object, ...]) -> Path:
    cuda = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    machine = [platform.node(), os.cpu_count(), torch.backends.cpu.get_cpu_capability(), *cuda, torch.__version__]
    name = hashlib.sha256(repr((situation, machine)).encode()).hexdigest()[:16]
    return cache_folder() / "precision" / name


def _read(path: Path) -> Chosen | None:
    found = path.read_text("utf-8") if path.is_file() else ""
    return next((known for known in get_args(Chosen) if known == found), None)


def _faster(work: Callable[[], object], device: torch.device, rounds: int = 3) -> Chosen:
    best = {"float32": float("inf"), "bf16": float("inf")}
    candidates: tuple[Chosen, Chosen] = ("float32", "bf16")
    for attempt in range(rounds + 1):
        for precision in candidates:
            with arithmetic(precision, device):
                start = time.perf_counter()
                try:
                    work()
                except (RuntimeError, NotImplementedError):  # an operation without a bf16 kernel
                    if precision == "float32":
                        raise
                    return "float32"
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                if attempt:  # the first round warms caches up
                    best[precision] = min(best[precision], time.perf_counter() - start)
    return "bf16" if best["float32"] > _WORTH * best["bf16"] else "float32"
