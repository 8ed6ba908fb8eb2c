"""Two processes that work as ranks of one process group, for as many pieces of work as a module of tests has."""

import multiprocessing as mp
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

_LONG = 120.0  # seconds for one piece of work


class Pair:
    """Calls a function of a module on every rank, and gives back what each of them returned or raised."""

    def __init__(self, folder: Path, count: int = 2) -> None:
        context = mp.get_context("spawn")
        self.ends: list[Any] = []
        self.processes: list[Any] = []
        for rank in range(count):
            here, there = context.Pipe()
            given = (str(folder / "group"), rank, count, sys.path, there)
            self.processes.append(context.Process(target=_serve, args=given, daemon=True))
            self.ends.append(here)
        for process in self.processes:
            process.start()

    def __call__(self, work: Callable[..., Any], *given: Any) -> list[Any]:
        """What `work(*given)` gives on each rank; an exception if it raised one."""
        for end in self.ends:
            end.send((work, given))
        found = []
        for rank, end in enumerate(self.ends):
            assert end.poll(_LONG), f"rank {rank} does not answer"
            found.append(end.recv())
        return found

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()


@contextmanager
def pair(folder: Path, count: int = 2) -> Iterator[Pair]:
    ranks = Pair(folder, count)
    try:
        yield ranks
    finally:
        ranks.end()


def _serve(group: str, rank: int, count: int, path: list[str], end: Any) -> None:
    sys.path[:] = path
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{group}", rank=rank, world_size=count, timeout=timedelta(seconds=_LONG)
    )
    while True:
        try:
            work, given = end.recv()
        except EOFError:
            return
        try:
            end.send(work(*given))
        except Exception as problem:
            end.send(problem)
