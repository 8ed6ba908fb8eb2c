"""A training step with what the C library does with freed memory by itself, and with all of it kept.

    python benchmarks/memory.py --rounds 5 --threads 1 --cpu-time --out results/benchmarks/memory.json

The library is told once in a process. So each setting has a process of its own, which is asked for some steps in turn.
"""

import multiprocessing
import time
from functools import partial
from multiprocessing.connection import Connection

import torch
import torch.nn.functional as F

import blackthorn as bt
from blackthorn.models import build
from blackthorn.speed.memory import keep_freed_memory
from timing import arguments, finish, rounds, table

_STEPS = 2
_NETWORKS = {  # its images, the batch of its recipe
    "parana_cnn": ((1, 28, 28), 250),
    "resnet18": ((3, 32, 32), 128),
    "wang_cnn": ((1, 28, 28), 128),
}


def steps(name: str, kept: bool, threads: int | None, asked: Connection) -> None:
    """Answers each request with the seconds that some steps took: of the clock, or of this process."""
    if kept:
        keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    shape, batch = _NETWORKS[name]
    model = build({"kind": name}, num_classes=10, shape=shape).to(memory_format=torch.channels_last)
    x, y = torch.rand(batch, *shape).to(memory_format=torch.channels_last), torch.randint(0, 10, (batch,))
    optimiser = torch.optim.Adam(model.parameters(), 1e-4)
    while (clock := asked.recv()) is not None:
        start = getattr(time, clock)()
        for _ in range(_STEPS):
            optimiser.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimiser.step()
        asked.send(getattr(time, clock)() - start)


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    context, rows = multiprocessing.get_context("spawn"), []
    for name in _NETWORKS:
        if options.only not in (None, name):
            continue
        ends = {}
        for setting, kept in (("given back", False), ("kept", True)):
            ends[setting], other = context.Pipe()
            context.Process(target=steps, args=(name, kept, options.threads, other), daemon=True).start()
        took: dict[str, float] = dict.fromkeys(ends, 0.0)

        def ask(setting: str, ends: dict[str, Connection] = ends, took: dict[str, float] = took) -> None:
            ends[setting].send(options.clock.__name__)
            took[setting] += ends[setting].recv()

        print(f"\n{name}, {_STEPS} training steps of {_NETWORKS[name][1]} images, blackthorn {bt.__version__}")

        def clock(took: dict[str, float] = took) -> float:
            return sum(took.values())  # only one of them works at a time

        seconds = rounds({setting: partial(ask, setting) for setting in ends}, options.rounds, clock)
        rows += [row | {"network": name} for row in table(seconds, "given back")]
        for end in ends.values():
            end.send(None)
        finish("memory", rows, options.out)


if __name__ == "__main__":
    main()
