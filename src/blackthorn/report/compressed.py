"""What came of the wishes for a smaller network, in sentences with numbers."""

import re
from collections.abc import Mapping

from ..claims.wishes import Candidate, Granted, Wishes
from .words import names, size

_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")
_SEED = re.compile(r"^seed \d+ · ")


def told(granted: Granted, wishes: Wishes, original: str, sizes: Mapping[str, int]) -> str:
    """Which network fulfils the wishes, or why none does and what comes closest.

    Args:
        granted: what the wishes lead to.
        wishes: what was wished.
        original: the network that all were made from.
        sizes: bytes of each network's file.
    """
    if granted.picked is not None:
        one = granted.picked
        return (
            f"{one.row} is {_gains(one, wishes)} (wished: {_wished(wishes)}): {size(sizes[original])} became "
            f"{size(sizes[one.row])}. On the images by which it was chosen it {_losses(one)}."
        )
    kept = names([f"{measure_of(name)} within {_so_many(f'{most:g}')}" for name, most in wishes.losses.items()])
    said = [f"No network that was tried is {_wished(wishes)} and keeps {kept} of {original}."]
    if granted.nearest is None:
        never = names([_wish(name, wishes.gains[name]) for name in granted.expensive])
        said.append(f"The expensive wish is {never}: none goes so far, whatever it loses.")
    else:
        dear = names([measure_of(name) for name in granted.expensive])
        one = granted.nearest
        said.append(f"What it costs is {dear}: {one.row} is {_gains(one, wishes)}, but {_losses(one)}.")
    if granted.closest is None:
        return " ".join([*said, "All lose more than that: fine-tune longer (--epochs), or allow more to be lost."])
    one = granted.closest
    return " ".join([*said, f"Closest comes {one.row}, {_gains(one, wishes)}, which {_losses(one)}."])


def left_out(reasons: Mapping[str, str]) -> list[str]:
    """Which networks could not be had, and why: a line for all that failed alike, but for the numbers.

    Args:
        reasons: network -> the stage that failed, and what it said: "seed 0 · NETWORK · train 5 epochs: ...".
    """
    alike: dict[str, list[str]] = {}
    for name, why in reasons.items():
        alike.setdefault(_NUMBER.sub("", why.replace(f" · {name} · ", " · ")), []).append(name)
    lines = []
    for first, *others in alike.values():
        why = _SEED.sub("", reasons[first]).removeprefix(f"{first} · ")
        such = f"; {first}, for one" if others else ""
        lines.append(f"{names([first, *others])} could not be had{such}: {why}")
    return lines


def measure_of(name: str) -> str:
    """A measure without the words that say on which images it is."""
    return {"natural": "natural accuracy"}.get(plain := name.partition(",")[0], f"accuracy under {plain}")


def _wish(name: str, wanted: float) -> str:
    return f"{100 * wanted:.4g} % zeros" if name == "sparsity" else f"{wanted:.3g}x {name}"


def _wished(wishes: Wishes) -> str:
    return names([_wish(name, wanted) for name, wanted in wishes.gains.items()])


def _gains(one: Candidate, wishes: Wishes) -> str:
    return names([_wish(name, one.gains[name]) for name in wishes.gains])


def _losses(one: Candidate) -> str:
    return names([f"{_points(points)} {measure_of(name)}" for name, points in one.losses.items()])


def _points(lost: float) -> str:
    shown = f"{abs(lost):.1f}"
    return "keeps" if float(shown) == 0 else f"{'gains' if lost < 0 else 'loses'} {_so_many(shown)} of"


def _so_many(points: str) -> str:
    return f"{points} point" if float(points) == 1 else f"{points} points"
