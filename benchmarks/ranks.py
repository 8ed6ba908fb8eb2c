"""PGD training of Wang's network: one process with all threads against ranks with one thread each; and two exchanges.

    python benchmarks/ranks.py --data-root DIR --out results/benchmarks/ranks.json

The first two rows are epochs of `fit`, adversarial, on the same batches. The others are plain steps of cross-entropy on
the ranks, whose gradients are exchanged by torch's DistributedDataParallel while others are computed, or by one sum
after the backward pass, as `fit` does. While one candidate runs the others wait.
"""

import multiprocessing as mp
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import blackthorn as bt
from blackthorn.speed.ranks import Part, ranks
from blackthorn.training.sharing import Sharing
from timing import arguments, finish, rounds, table

EPS, STEP, STEPS, BATCH, UPDATES = 0.3, 0.01, 10, 64, 2  # as Wang et al. 2018, sec. 3, with fewer steps and images
COUNT = 2
PLAIN = 5  # steps of cross-entropy in a round


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    threads = options.threads or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        context = mp.get_context("spawn")
        ends: list[Any] = []
        for rank in range(COUNT + 1):
            here, there = context.Pipe()
            given = (folder, rank, 1 if rank < COUNT else threads, options.data_root, there)
            context.Process(target=_serve, args=given, daemon=True).start()
            ends.append(here)
        for end in ends:
            end.recv()

        def ask(what: str, asked: list[Any]) -> None:
            for end in asked:
                end.send(what)
            for end in asked:
                end.recv()

        one, several = ends[COUNT:], ends[:COUNT]
        names = (f"1 process, {threads} threads", f"{COUNT} ranks, 1 thread each")
        hooks, sums = "steps, hooks of DistributedDataParallel", "steps, one sum after backward"
        epochs = rounds({names[0]: lambda: ask("fit", one), names[1]: lambda: ask("fit", several)}, options.rounds)
        steps = rounds({hooks: lambda: ask("hooks", several), sums: lambda: ask("sums", several)}, options.rounds)
    print(f"{UPDATES} updates of PGD-{STEPS} training, batch {BATCH}; and {PLAIN} steps of cross-entropy")
    finish("ranks", [*table(epochs, names[0]), *table(steps, hooks)], options.out)


def _serve(folder: str, rank: int, threads: int, data_root: Path | None, end: Any) -> None:
    """A rank, or, as the last, the process that trains alone: does what it is asked for."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    if rank < COUNT:
        dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=COUNT)
    train = bt.load_data("mnist", data_root=data_root, train=BATCH * UPDATES).train
    part = ranks().part(BATCH)
    x, y = bt.data.pixels(train.x[:BATCH][part.rows]), train.y[:BATCH][part.rows]
    torch.manual_seed(0)
    models = {what: bt.models.wang_cnn() for what in ("fit", "hooks", "sums")}
    hooked = DistributedDataParallel(models["hooks"]) if rank < COUNT else None
    optimizers = {what: torch.optim.RMSprop(model.parameters(), 1e-4) for what, model in models.items()}
    sharing = Sharing(ranks(), BATCH, BATCH, synced=False)
    end.send("ready")
    while True:
        try:
            what = end.recv()
        except EOFError:
            return
        if what == "fit":
            _epoch(models["fit"], train)
        elif what == "hooks":
            assert hooked is not None
            _steps(hooked, optimizers[what], x, y, None, part)
        else:
            _steps(models[what], optimizers[what], x, y, sharing, part)
        end.send("done")


def _epoch(model: nn.Module, train: bt.data.ImageSet) -> None:
    attack = bt.attacks.PGD(eps=EPS, step_size=STEP, steps=STEPS)
    bt.training.fit(
        model, train, bt.objectives.Adversarial(attack=attack), epochs=1, batch_size=BATCH, precision="float32",
        stop_at_chance=False,
    )  # fmt: skip


def _steps(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    y: torch.Tensor,
    sharing: Sharing | None,
    part: Part,
) -> None:
    learning = list(model.parameters())
    for _ in range(PLAIN):
        optimizer.zero_grad()
        (F.cross_entropy(model(x), y) * (part.weight if sharing else 1.0)).backward()
        if sharing is not None:
            sharing.exchange(part, model, learning)
        optimizer.step()


if __name__ == "__main__":
    main()
