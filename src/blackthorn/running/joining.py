"""How a process becomes one of several ranks, and how ranks talk to each other between trainings.

`torchrun`, or `running.launching`, says in the environment which rank a process is. While a network is trained ranks
exchange tensors (`speed.ranks`). Between trainings the first rank tells the others what to do, and they answer.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from .. import __version__
from ..errors import RanksError, RecipeError
from ..speed.ranks import Ranks, ranks
from .launching import LAUNCHED, asked_ranks, watch_starter

_JOIN = timedelta(minutes=5)  # until all ranks must be there
_SILENCE = timedelta(hours=1)  # of a rank in a training: rank 0 may measure for early stopping; deaths are seen at once
_LOOK = 0.05  # seconds between looks for a message
_CPU = torch.device("cpu")
_FAREWELL = 5.0  # seconds that the first rank waits for the others to go


@dataclass
class Talk:
    """Messages between the first rank and each other one; an answer belongs to each message.

    Words and answers lie in a store until they are read. A thing that goes with a word is sent by torch, to a rank that
    waits for it.
    """

    ranks: Ranks
    store: Any
    """A `torch.distributed.Store`."""
    _told: dict[int, int] = field(default_factory=dict)
    """How many messages each rank was told; on another rank than the first, how many it heard."""

    @property
    def others(self) -> range:
        """All ranks but the first."""
        return range(1, self.ranks.count)

    def tell(self, rank: int, word: str, thing: Any = None) -> None:
        """Send a word to a rank, and perhaps a thing.

        Raises:
            RanksError: the rank has ended.
        """
        number = self._told[rank] = self._told.get(rank, 0) + 1
        with _reached("another rank"):
            self.store.set(f"to/{rank}/{number}", json.dumps([word, thing is not None]))
            if thing is not None:
                dist.send_object_list([thing], rank, device=_CPU)

    def hear(self, seconds: float | None = None) -> tuple[str, Any]:
        """The next word of the first rank, and the thing that came with it.

        Raises:
            RanksError: it has ended, or said nothing for so many seconds.
        """
        number = self._told[self.ranks.rank] = self._told.get(self.ranks.rank, 0) + 1
        end = None if seconds is None else time.monotonic() + seconds
        while (said := self._read(f"to/{self.ranks.rank}/{number}")) is None:
            if end is not None and time.monotonic() > end:
                raise RanksError(f"rank 0 did not answer for {seconds:g} s")
            time.sleep(_LOOK)
        word, has_thing = said[0]
        things: list[Any] = [None]
        if has_thing:
            with _reached("rank 0"):
                dist.recv_object_list(things, 0, device=_CPU)
        return word, things[0]

    def answer(self, said: Any) -> None:
        """Answer the last word, by what JSON can hold."""
        with _reached("rank 0"):
            self.store.set(f"from/{self.ranks.rank}/{self._told[self.ranks.rank]}", json.dumps(said))

    def answered(self, rank: int, seconds: float = 0.0) -> Any | None:
        """The answer to the last message to a rank; None if there is none after so many seconds."""
        end = time.monotonic() + seconds
        while (said := self._read(f"from/{rank}/{self._told[rank]}")) is None and time.monotonic() < end:
            time.sleep(_LOOK)
        return None if said is None else said[0]

    def part(self, seconds: float) -> None:
        """Let the others go, or go; the first rank, at which all messages are kept, waits so long for the others."""
        if not self.ranks.first:
            return self.answer(True)
        for rank in self.others:
            self.tell(rank, "end")
        end = time.monotonic() + seconds
        for rank in self.others:
            self.answered(rank, end - time.monotonic())

    def _read(self, key: str) -> tuple[Any] | None:
        with _reached("another rank" if self.ranks.first else "rank 0"):
            if not self.store.check([key]):
                return None
            said = json.loads(self.store.get(key))
            self.store.delete_key(key)
            return (said,)


@contextmanager
def _reached(whom: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError:  # as torch says that a connection is gone
        raise RanksError(f"{whom} has ended; run the same command again to go on") from None


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[Talk | None, torch.device]]:
    """Join the ranks that the environment speaks of, if it speaks of several; and the device of this one.

    Raises:
        RecipeError: ranks cannot be joined here.
        RanksError: they are not the same.
    """
    asked = asked_ranks()
    if asked is None:
        yield None, device
        return
    if LAUNCHED in os.environ:
        watch_starter()
    if not dist.is_available():
        raise RecipeError("--devices: this torch was built without torch.distributed; install another, or leave it out")
    if device.type == "cuda":
        device = own_gpu(asked.local, asked.locals)
    store = _group(device)
    talk = Talk(ranks(), store)
    talk.ranks.agree({"blackthorn": __version__, "torch": torch.__version__, "device": device.type})
    parted = False
    try:
        yield talk, device
        parted = True
    finally:
        with suppress(RanksError):  # they are gone already
            talk.part(_FAREWELL if parted else 0.0)
        with suppress(RuntimeError, ValueError):
            dist.destroy_process_group()


def own_gpu(local: int, locals: int) -> torch.device:
    """The GPU of the rank of that number among those of this machine."""
    found = torch.cuda.device_count()
    if locals > found:
        raise RecipeError(
            f"--devices {locals}: this machine has {found} GPU{'s' * (found != 1)}; take fewer, or --device cpu"
        )
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def _group(device: torch.device) -> Any:
    """Initialise torch's process group, and give a store beside it."""
    from torch.distributed.distributed_c10d import PrefixStore  # which not every build of torch has
    from torch.distributed.rendezvous import rendezvous

    try:
        store, rank, count = next(iter(rendezvous("env://", timeout=_JOIN)))
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(
            backend, store=PrefixStore("group", store), rank=rank, world_size=count, timeout=_SILENCE
        )
    except (RuntimeError, ValueError, OSError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise RanksError(f"ranks cannot be joined ({reason}); see MASTER_ADDR and MASTER_PORT") from None
    return PrefixStore("talk", store)
