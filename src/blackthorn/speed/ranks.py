"""Ranks: several processes that work on one training, each on its part of every batch.

A process is a rank when torch's process group is initialised, by `torchrun` and `init_process_group` or by
`blackthorn run --devices`. All ranks walk the same way, and meet in the operations of `Ranks`. For one rank alone
each of them gives back what it was given.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..errors import BlackthornError, RanksError

_Made = TypeVar("_Made")
_alone: ContextVar[bool] = ContextVar("alone", default=False)


@dataclass(frozen=True)
class Part:
    """What one rank has of a batch: neighbouring images, as many as every other rank, or one less."""

    start: int
    stop: int
    images: int
    """Of the whole batch."""

    @property
    def rows(self) -> slice:
        """Which images of the batch. A rank for which none is left borrows the first, and counts it as nothing: it must
        take every step of the others with them.
        """
        return slice(self.start, self.stop) if self.counted else slice(0, 1)

    @property
    def counted(self) -> int:
        """How many images of the batch are this rank's."""
        return self.stop - self.start

    @property
    def weight(self) -> float:
        """Its share of what is a mean over the batch; the shares of all ranks add up to 1."""
        return self.counted / self.images


@dataclass(frozen=True)
class Ranks:
    """The ranks of a training, seen from one of them."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes files and speaks to people."""
        return self.rank == 0

    def part(self, images: int) -> Part:
        """What this rank has of a batch of so many images."""
        return Part(images * self.rank // self.count, images * (self.rank + 1) // self.count, images)

    def add(self, numbers: Tensor) -> Tensor:
        """The sum over all ranks, in place; the same bits on each."""
        if self.count > 1:
            with _met():
                dist.all_reduce(numbers)
        return numbers

    def same(self, make: Callable[[], _Made]) -> _Made:
        """What the first rank makes, or the error that it raises: the others are told, and make nothing.

        Raises:
            BlackthornError: what `make` raises on the first rank.
        """
        if self.count == 1:
            return make()
        told: list[Any] = [None]
        if self.first:
            try:
                told = [make()]
            except BlackthornError as problem:
                told = [type(problem)(str(problem))]  # without its cause, which may not travel
        with _met():
            dist.broadcast_object_list(told)
        if isinstance(told[0], BlackthornError):
            raise told[0]
        return told[0]  # type: ignore[no-any-return]

    def gathered(self, make: Callable[[], _Made]) -> list[_Made]:
        """What each rank makes, in their order, on every rank.

        Raises:
            BlackthornError: on every rank, the first that `make` raised on any of them.
        """
        if self.count == 1:
            return [make()]
        made: Any
        try:
            made = make()
        except BlackthornError as problem:
            made = type(problem)(str(problem))
        told: list[Any] = [None] * self.count
        with _met():
            dist.all_gather_object(told, made)
        for one in told:
            if isinstance(one, BlackthornError):
                raise one
        return told

    def same_tensors(self, tensors: Sequence[Tensor]) -> None:
        """Give all ranks the tensors of the first, in place."""
        if self.count > 1:
            with _met():
                for tensor in tensors:
                    dist.broadcast(tensor.detach(), 0)

    def same_start(self, model: nn.Module, device: torch.device) -> None:
        """Give all ranks the first one's weights, buffers and random numbers to come."""
        if self.count == 1:
            return
        self.same_tensors([*model.parameters(), *model.buffers()])
        cuda = device.type == "cuda"
        state, on_device = self.same(
            lambda: (torch.get_rng_state(), torch.cuda.get_rng_state(device) if cuda else None)
        )
        torch.set_rng_state(state)
        if on_device is not None:
            torch.cuda.set_rng_state(on_device, device)

    def agree(self, facts: Mapping[str, str]) -> None:
        """Refuse ranks of which something is not the same.

        Raises:
            RanksError: names the first fact that differs.
        """
        if self.count == 1:
            return
        said: list[Any] = [None] * self.count
        with _met():
            dist.all_gather_object(said, dict(facts))
        for rank, other in enumerate(said):
            for name in dict.fromkeys([*said[0], *other]):
                mine, theirs = said[0].get(name), other.get(name)
                if mine != theirs:
                    raise RanksError(
                        f"ranks differ: {name} is {_short(mine)} on rank 0 and {_short(theirs)} on rank {rank}; "
                        "let all of them run the same"
                    )


ALONE = Ranks()
"""One process, whoever else there is."""


def ranks() -> Ranks:
    """Those of torch's process group, or this process alone."""
    if _alone.get() or not dist.is_available() or not dist.is_initialized():
        return Ranks()
    return Ranks(dist.get_rank(), dist.get_world_size())


@contextmanager
def alone() -> Iterator[None]:
    """Within: what is trained here concerns this rank alone."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


@contextmanager
def _met() -> Iterator[None]:
    """Say in one line that another rank did not come.

    Raises:
        RanksError: it has ended, or does not answer.
    """
    try:
        yield
    except BlackthornError:
        raise
    except RuntimeError as problem:  # what torch's backends raise has no narrower kind in common
        reason = " ".join(str(problem).split()).partition(". ")[0][-120:]
        raise RanksError(f"another rank has ended ({reason}); run the same command again to go on") from None


def _short(said: object) -> str:
    text = "not known" if said is None else str(said)
    return text if len(text) <= 100 else f"{text[:100]}..."
