"""A stage in a process that a cluster has started, perhaps on another machine: what it must know, and its attempt."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ..data import Splits
from ..errors import BlackthornError, StoreError
from ..recipes.data import Data
from ..resources import Resources
from ..stages import Stage
from ..values import parse, spell
from .attempt import attempt
from .events import Event, Listener
from .executor import Settled
from .opening import is_store, store_at
from .store import Store

LATE = 90.0
"""Seconds after which all see what one machine has finished. NFS clients may believe for 60 seconds that a folder does
not exist (`acdirmax`, nfs(5)).
"""
_POLL = 1.0  # seconds between looks at a stage that another command has
_TOLD_EVERY = 0.5  # seconds between events about the progress of one stage


@dataclass(frozen=True)
class Surroundings:
    """Where a command works; the store, the images and its folder must be there, under the same names, everywhere."""

    data: str
    """How the images are read, as JSON."""
    data_root: str | None
    store: str
    device: str
    threads: int
    """Of each stage, unless it says what it needs."""
    folder: str
    """The working directory."""
    path: tuple[str, ...]
    """Where Python looks for networks of one's own."""

    @staticmethod
    def of(data: Data, data_root: Path | None, store: Store, device: torch.device, threads: int) -> "Surroundings":
        """Those of this process."""
        root = None if data_root is None else str(data_root.resolve())
        spelled = json.dumps(spell(data))
        folder = os.getcwd()
        path = tuple(os.path.abspath(place) for place in sys.path)
        return Surroundings(spelled, root, store.name, str(device), threads, folder, path)

    def on(self, device: torch.device) -> "Surroundings":
        """The same with another device, and the threads that this process has."""
        return replace(self, device=str(device), threads=torch.get_num_threads())

    def granted(self, asked: Resources | None) -> tuple["Surroundings", float]:
        """Where a stage works that asks for these resources, and what to reserve of GPUs; of cores, its threads."""
        asked = asked or Resources()
        there = self.device.startswith("cuda")
        gpus = float(there) if asked.gpus is None else asked.gpus
        device = "cpu" if not gpus else self.device if there else "cuda"
        return replace(self, threads=asked.cpus or self.threads, device=device), gpus


def attempt_there(where: Surroundings, stage: Stage, listen: Listener) -> Settled | BlackthornError:
    """Do a stage in this process; wait while another command works on it. What ends the whole run is returned."""
    try:
        splits, store = settled_in(where)
        told = _seldom(listen)
        while True:
            settled = attempt(stage, splits, store, torch.device(where.device), told, patience=LATE)
            if settled.what != "busy":
                return settled
            time.sleep(_POLL)
    except BlackthornError as problem:
        return type(problem)(str(problem))  # without its cause, which may not travel


def settled_in(where: Surroundings) -> tuple[Splits, Store]:
    """Let this process work there; it may be given many stages, and reads the images once."""
    if not is_store(where.store):
        raise StoreError(f"{where.store}: is not there on {platform.node()}; all machines must see the store")
    with suppress(OSError):  # needed only by relative paths
        os.chdir(where.folder)
    sys.path[:] = [*where.path, *(place for place in sys.path if place not in where.path)]
    torch.set_num_threads(where.threads)
    torch.set_flush_denormal(True)
    return _images(where.data, where.data_root), store_at(where.store)


@cache
def _images(data: str, data_root: str | None) -> Splits:
    read: Any = parse(Data, json.loads(data))
    splits: Splits = read.load(data_root)
    return splits


def believed(came: Settled | BlackthornError, stage: Stage, store: Store) -> Settled | BlackthornError:
    """What came of a stage elsewhere, once this machine sees it too."""
    if isinstance(came, Settled) and came.what == "done" and not store.seen(stage.name, LATE):
        return StoreError(
            f"{store.place(f'stages/{stage.name}')}: was finished elsewhere and is not seen here; all "
            "machines must see the same store"
        )
    return came


def _seldom(listen: Listener) -> Callable[[Event], None]:
    """Let through all events but those of progress that come too fast for a network."""
    told = 0.0

    def hear(event: Event) -> None:
        nonlocal told
        if event.what != "advanced" or time.monotonic() - told >= _TOLD_EVERY:
            told = time.monotonic()
            listen(event)

    return hear
