"""Which arithmetic to search in: measured on this network and this machine, not guessed.

Processors with bf16 matrix units run the search two to three times faster in bf16; on others bf16 is emulated and
slower. What is chosen only ever affects the search: success is judged in float32.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import Tensor, nn

from .gradients import attacking, input_gradient

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

    The outcome is remembered for networks of the same shape at the same batch size, so that one process decides once.
    """
    if precision != "auto":
        return precision
    shapes = tuple(tuple(p.shape) for p in model.parameters())
    situation = (type(model).__qualname__, shapes, tuple(x.shape), str(x.device), torch.get_num_threads())
    if situation not in _measured:
        with attacking(model) as forward:
            leaf = x.detach().requires_grad_()
            _measured[situation] = _faster(lambda: input_gradient(forward(leaf).float().sum(1), leaf), x.device)
    return _measured[situation]


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
