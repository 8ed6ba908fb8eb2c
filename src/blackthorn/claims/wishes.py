"""Pick a network that is as small as was wished and as good as must be kept; or say which wish was the expensive one.

Several sweeps lie beside each other. In each, `select` says which networks pass: those that lose no more than may be
lost. Of these, the one that goes furthest in what was wished is picked, which within a sweep is the largest rate that
passes (decision 9).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .sweeps import ROUNDING

_COUNTED = 5e-4  # a rate removes a whole number of weights, rounded down: 90 % is reached by 89.95 %


@dataclass(frozen=True)
class Wishes:
    """What is wanted of a network, against the one that it is made from."""

    gains: Mapping[str, float]
    """What must be reached: smaller and faster, so many times; sparsity, a fraction."""
    losses: Mapping[str, float]
    """What may be lost at most, by measure, in points."""

    def missed(self, tried: "Candidate") -> list[str]:
        """The wishes that a network does not fulfil."""
        short = [name for name, wanted in self.gains.items() if tried.gains[name] < wanted * (1 - _COUNTED)]
        return short + [name for name, most in self.losses.items() if tried.losses[name] > most + ROUNDING]

    def reach(self, tried: "Candidate") -> float:
        """How far it goes in what must be reached: 1 = just so far, by the wish that it is furthest from."""
        return min(tried.gains[name] / wanted for name, wanted in self.gains.items())


@dataclass(frozen=True)
class Candidate:
    """A network that was tried."""

    row: str
    gains: Mapping[str, float]
    losses: Mapping[str, float]
    """By measure, in points of accuracy; negative = gained."""


@dataclass(frozen=True)
class Granted:
    """What the wishes lead to."""

    picked: Candidate | None
    """None = no network fulfils all of them."""
    expensive: tuple[str, ...] = ()
    """Without these wishes one would: what could not be reached, or else what it costs."""
    nearest: Candidate | None = None
    """Of those that go far enough, the one that loses least beyond what may be lost; None = none goes far enough."""
    closest: Candidate | None = None
    """Of those that lose no more than may be lost, the one that goes furthest; None = all of them lose more."""


def grant(wishes: Wishes, tried: Sequence[Candidate]) -> Granted:
    """Pick the network that goes furthest of all that fulfil every wish; of several, the one that loses least.

    Where there is none, the expensive wish is what no network reaches; or, where some go far enough, what is lost too
    much by the network that would do if only one loss were forgiven, and by the one that loses least if there is no
    such network.
    """
    missed = {one.row: wishes.missed(one) for one in tried}

    def furthest(some: Collection[Candidate]) -> Candidate | None:
        return max(some, key=lambda one: (wishes.reach(one), -sum(one.losses.values())), default=None)

    picked = furthest([one for one in tried if not missed[one.row]])
    if picked is not None:
        return Granted(picked)
    closest = furthest([one for one in tried if not wishes.losses.keys() & missed[one.row]])
    enough = [one for one in tried if not wishes.gains.keys() & missed[one.row]]
    if not enough:
        never = [name for name in wishes.gains if all(name in names for names in missed.values())]
        return Granted(None, tuple(never or wishes.gains), None, closest)
    nearest = min(enough, key=lambda one: (len(missed[one.row]), _beyond(wishes, one)))
    return Granted(None, tuple(missed[nearest.row]), nearest, closest)


def _beyond(wishes: Wishes, tried: Candidate) -> float:
    """Points that are lost beyond what may be lost, at the measure where it is most."""
    return max(tried.losses[name] - most for name, most in wishes.losses.items())
