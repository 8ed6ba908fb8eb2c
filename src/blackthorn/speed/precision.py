"""Which arithmetic to search in: measured on this network and this machine, not guessed.

Processors with bf16 matrix units run the search two to three times faster in bf16; on others bf16 is emulated and
slower. What is chosen only ever affects the search: success is judged in float32.
"""

import hashlib
import os
import platform
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, get_args

import torch
from filelock import FileLock
from torch import Tensor, nn

from ..attacks.gradients import attacking, input_gradient
from ..files import cache_folder, write_whole

Precision = Literal["auto", "float32", "bf16"]
Chosen = Literal["float32", "bf16"]

# bf16 must be this much faster; below, timing noise would decide and results would change from run to run.
_WORTH = 1.25
_measured: dict[tuple[object, ...], Chosen] = {}


def arithmetic(precision: Chosen, device: torch.device) -> AbstractContextManager[None]:
    """The context in which forward and backward passes run in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def choose(precision: Precision, model: nn.Module, x: Tensor) -> Chosen:
    """Resolve `auto` by timing input gradients of `model` at `x` in both precisions.

    The outcome is remembered for networks of the same shape at the same batch size, in this process and in the cache
    folder (`BLACKTHORN_CACHE`): timing noise must not give a run that was resumed, or is repeated, other numbers.
    """
    if precision != "auto":
        return precision
    shapes = tuple(tuple(p.shape) for p in model.parameters())
    situation = (type(model).__qualname__, shapes, tuple(x.shape), str(x.device), torch.get_num_threads())
    if situation not in _measured:
        with attacking(model) as forward:
            leaf = x.detach().requires_grad_()
            _measured[situation] = _once(
                situation, lambda: _faster(lambda: input_gradient(forward(leaf).float().sum(1), leaf), x.device)
            )
    return _measured[situation]


def _once(situation: tuple[object, ...], measure: Callable[[], Chosen]) -> Chosen:
    """What was measured in this situation on this machine before, by any process; else measured now."""
    cuda = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    machine = [platform.node(), os.cpu_count(), torch.backends.cpu.get_cpu_capability(), *cuda, torch.__version__]
    name = hashlib.sha256(repr((situation, machine)).encode()).hexdigest()[:16]
    path = cache_folder() / "precision" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):  # two processes that measure at once would disturb each other, too
            found = path.read_text("utf-8") if path.is_file() else ""
            for known in get_args(Chosen):
                if found == known:
                    return known  # type: ignore[no-any-return]  # get_args has no precise type
            made = measure()
            write_whole(path, made.encode())
            return made
    except (OSError, NotImplementedError):  # a folder that cannot be written costs repeatability, never a result
        return measure()


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
