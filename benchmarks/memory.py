"""A training step with what the C library does with freed memory by itself, and with all of it kept.

    python benchmarks/memory.py --rounds 5 --threads 1 --cpu-time --out results/benchmarks/memory.json

The library is told once in a process, so each setting has one of its own.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F

import blackthorn as bt
from blackthorn.models import build
from blackthorn.speed.memory import keep_freed_memory
from timing import Apart, arguments, finish, rounds_apart, table

_STEPS = 2
_NETWORKS = {  # its images, the batch of its recipe
    "parana_cnn": ((1, 28, 28), 250),
    "resnet18": ((3, 32, 32), 128),
    "wang_cnn": ((1, 28, 28), 128),
}


def training(name: str, kept: bool) -> Callable[[], None]:
    """Some steps."""
    if kept:
        keep_freed_memory()
    torch.manual_seed(0)
    shape, batch = _NETWORKS[name]
    model = build({"kind": name}, num_classes=10, shape=shape).to(memory_format=torch.channels_last)
    x, y = torch.rand(batch, *shape).to(memory_format=torch.channels_last), torch.randint(0, 10, (batch,))
    optimiser = torch.optim.Adam(model.parameters(), 1e-4)

    def steps() -> None:
        for _ in range(_STEPS):
            optimiser.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimiser.step()

    return steps


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    rows = []
    for name in _NETWORKS:
        if options.only not in (None, name):
            continue
        candidates = {"given back": Apart(training, name, False), "kept": Apart(training, name, True)}
        print(f"\n{name}, {_STEPS} training steps of {_NETWORKS[name][1]} images, blackthorn {bt.__version__}")
        seconds = rounds_apart(candidates, options.rounds, options.clock)
        rows += [row | {"network": name} for row in table(seconds, "given back")]
        finish("memory", rows, options.out)


if __name__ == "__main__":
    main()
