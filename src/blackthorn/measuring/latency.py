"""How long a network takes, several networks side by side in one run.

A machine slows down and speeds up while it is measured. So the networks take turns within every round, in an
order that rotates, and what is compared are medians over the rounds with their quartiles.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..models import eval_mode
from ..speed.denormals import flushed

_WARM_UP = 3  # calls: memory, thread pools and kernel choices settle within the first two
_SAMPLE = 2e-3  # seconds; a shorter sample repeats the call, lest the clock and the scheduler decide
_FEWEST = 5  # rounds that are always measured; a median of fewer says nothing


@dataclass(frozen=True)
class Latency:
    """Time of one forward pass of a whole batch, in seconds."""

    form: str
    """The name under which the network was given, such as dense, masked or shrunk."""
    batch: int
    median: float
    low: float
    """First quartile over the rounds."""
    high: float
    """Third quartile over the rounds."""
    n: int
    """Rounds."""


def latency(
    models: Mapping[str, nn.Module],
    example: Tensor,
    *,
    batches: Sequence[int] = (1, 128),
    repeats: int = 30,
    seconds: float = 10.0,
) -> list[Latency]:
    """Forward passes of several networks, interleaved, in eval mode without gradients.

    Denormal floats are flushed to zero meanwhile where the processor can, and only meanwhile: weight decay
    leaves them in pruned networks, and a processor may take a hundred times as long for them.

    Args:
        models: networks by name, on the device of `example`.
        example: images, (any, channels, height, width), repeated to fill a batch.
        batches: batch sizes.
        repeats: rounds for each batch size.
        seconds: stop earlier after this long for each batch size, but not before five rounds.
    Returns:
        One `Latency` for each network and batch size.
    Raises:
        ModelError: no network, or no example image.
    """
    if not models or not len(example):
        raise ModelError(f"latency wants networks and an example image; got {len(models)} and {len(example)}")
    with ExitStack() as stack:
        for model in models.values():
            stack.enter_context(eval_mode(model))
        stack.enter_context(flushed())
        stack.enter_context(torch.inference_mode())
        found = []
        for batch in batches:
            x = example[torch.arange(batch, device=example.device) % len(example)].contiguous()
            for form, took in _rounds(models, x, repeats, seconds).items():
                low, median, high = (float(q) for q in np.quantile(took, (0.25, 0.5, 0.75)))
                found.append(Latency(form, batch, median, low, high, len(took)))
    return found


def _rounds(models: Mapping[str, nn.Module], x: Tensor, repeats: int, seconds: float) -> dict[str, list[float]]:
    """Seconds of a call, by network and round."""
    calls = {form: _calls_for_a_sample(model, x) for form, model in models.items()}
    took: dict[str, list[float]] = {form: [] for form in models}
    order = list(models)
    start = time.perf_counter()
    for done in range(max(repeats, 1)):
        if done >= _FEWEST and time.perf_counter() - start > seconds:
            break
        for form in order:
            took[form].append(_time(models[form], x, calls[form]))
        order.append(order.pop(0))  # nobody always comes after the same other
    return took


def _calls_for_a_sample(model: nn.Module, x: Tensor) -> int:
    shortest = min(_time(model, x, 1) for _ in range(_WARM_UP))
    return max(1, round(_SAMPLE / max(shortest, 1e-7)))


def _time(model: nn.Module, x: Tensor, calls: int) -> float:
    _wait(x.device)
    start = time.perf_counter()
    for _ in range(calls):
        model(x)
    _wait(x.device)
    return (time.perf_counter() - start) / calls


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
