"""The recipe of a compression: somebody's trained network, pruned in several ways to several rates, and fine-tuned."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator
from torch import nn

from ..claims import Percent
from ..claims.wishes import Wishes
from ..deploy.bundle import PLAIN
from ..stages import Load
from ..values import Count, Number, Radius, Rate, check_radius, value
from .audits import IMAGES, Audit, Tier
from .given import beginning, name_of, taken
from .ways import FILTERS, REMOVED, WEIGHTS, Way

CHOSEN_BY = "natural, to choose by"
"""The measure of natural accuracy by which networks are chosen: on the images at even places."""
TIMED = "time"
"""The measure of the time that every network takes, where it is to be faster."""
_QUERIES = 500  # of Square, for each image of a file
_MOST = 100.0  # times; the last rate that is tried leaves a 200th
_ROBUST_LOSS = 2.0  # points of robust accuracy that may be lost where a radius is given and nothing else
_AUDITED = 8 / 255  # where no radius is given: the usual one for colour images
_STEPS, _TUNED_STEPS = 20, 5  # of PGD: to choose by, and in training, as in the quickstart


def _times(read: object) -> object:
    if not isinstance(read, str):
        return read
    number = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*[x×]\s*", read)
    if number is None:
        hint = f": {float(read):g}x" if re.fullmatch(r"\s*\d+(\.\d+)?\s*", read) else ", such as 4x"
        raise ValueError(f"how many times is wanted; write it with an x{hint}")
    return float(number[1])


def _more(times: float) -> float:
    if times <= 1:
        raise ValueError("that would be no smaller and no faster; more than 1x is wanted, such as 2x")
    if times > _MOST:
        raise ValueError(f"at most {_MOST:g}x is tried")
    return times


def _some(rate: float) -> float:
    if not 0 < rate < 1:
        raise ValueError("a share between 0 and 1 is wanted, such as 90%")
    return rate


Times = Annotated[float, BeforeValidator(_times), AfterValidator(_more)]
"""How many times smaller or faster: 4x; from Python also a number."""


def exported_row(row: str, format: str) -> str:
    """What a network is called as a file of this format; no sweep's pattern fits it."""
    return f"{format} of {row}"


@value
class Compression:
    """What is wished of a network, what must be kept, and how it is tried."""

    smaller: Times | None = None
    """So many times fewer bytes of the file that is shipped: 4x."""
    faster: Times | None = None
    """So many times less time for `batch` images, measured on this machine: 2x."""
    sparsity: Annotated[Rate, AfterValidator(_some)] | None = None
    """So large a share of the weights zero, with the zeros left in place: 90%."""
    batch: Count = 1
    """Images at once, where time is measured."""
    keep_accuracy: Percent = 1.0
    """Points of natural accuracy that may be lost."""
    keep_robustness: Percent | None = None
    """Points of accuracy under attack that may be lost; by default 2, where a radius is given."""
    eps: Radius | None = None
    """The radius at which it must stay as hard to fool, in pixels of [0, 1]; fine-tuning is then adversarial."""
    norm: Literal["linf", "l2"] = "linf"
    tier: Tier = "screen"
    """How thorough the attack of the audit is: see `attacks.AutoAttack`."""
    images: Count = IMAGES
    """Choose by at most so many test images, and audit on as many others."""
    epochs: Count = 5
    """Epochs of fine-tuning for each network that is tried."""
    lr: Annotated[Number, AfterValidator(_some)] = 1e-3
    """The first learning rate of fine-tuning, by Adam; it falls to zero along a cosine."""

    def __post_init__(self) -> None:
        if self.smaller is None and self.faster is None and self.sparsity is None:
            raise ValueError("nothing is wished; write smaller 4x, faster 2x or sparsity 90%")
        if self.sparsity is not None and (self.smaller is not None or self.faster is not None):
            raise ValueError(
                "sparsity leaves zeros in place, smaller and faster cut them out: two networks; write one of the wishes"
            )
        if self.eps is None and self.keep_robustness is not None:
            raise ValueError("keep_robustness wants the radius at which it is kept; add eps 8/255")
        if self.eps is not None:
            check_radius(self.eps, self.norm)
            if not self.eps:
                raise ValueError("eps: a radius above 0 is wanted, such as 8/255; leave it out for natural accuracy")

    @property
    def gains(self) -> dict[str, float]:
        """What must be reached, by the name of the wish."""
        wished = {"smaller": self.smaller, "faster": self.faster, "sparsity": self.sparsity}
        return {name: wanted for name, wanted in wished.items() if wanted is not None}

    @property
    def attacked(self) -> str | None:
        """The measure of accuracy under attack by which networks are chosen; None without a radius."""
        return None if self.eps is None else f"pgd {self.audit.said(1.0)}, to choose by"

    @property
    def wishes(self) -> Wishes:
        """All of it."""
        robust = _ROBUST_LOSS if self.keep_robustness is None else self.keep_robustness
        under = {} if self.attacked is None else {self.attacked: robust}
        return Wishes(self.gains, {CHOSEN_BY: self.keep_accuracy, **under})

    @property
    def audit(self) -> Audit:
        """How the chosen network is compared with the original: on images by which it was not chosen."""
        eps = _AUDITED if self.eps is None else self.eps
        return Audit(eps=eps, norm=self.norm, tier=self.tier, images=self.images, part="odd")

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways that can fulfil the wish: single zeros make a file smaller, and nothing faster."""
        if self.sparsity is not None:
            return WEIGHTS
        return FILTERS if self.faster is not None else (WEIGHTS[0], *FILTERS)

    @property
    def removed(self) -> list[float]:
        """The shares that are tried: about that of the wish, two below it for what comes closest, and some above."""
        wanted = [1 / (1 - self.sparsity)] if self.sparsity is not None else list(self.gains.values())
        low, high = min(wanted) / 2.1, max(wanted) * (4.2 if self.faster is not None else 2.1)
        exact = {self.sparsity} if self.sparsity is not None else set()
        return sorted({share for share in REMOVED if low <= 1 / (1 - share) <= high} | exact)

    def recipe(
        self,
        network: str | nn.Module,
        data: Mapping[str, Any],
        *,
        weights: str | None = None,
        without: Collection[str] = (),
        chosen: str | None = None,
        exported: Sequence[str] = (),
        found: str = "",
    ) -> dict[str, Any]:
        """The recipe as a mapping.

        Args:
            network: a bundle, `package.module:factory`, a built-in network's name, or a module in memory.
            data: the recipe's `data`.
            weights: a file of weights for a factory or a built-in network.
            without: rows that cannot be had.
            chosen: the row to audit against the original.
            exported: the formats in which it is measured too: onnx, int8.
            found: what came of the sweep, in words.
        Raises:
            RecipeError: the network is none of these.
        """
        begun = beginning(network, weights)
        swept = {row: steps for row, steps in self._swept() if row not in without}
        named = name_of(network, weights)
        name = named if named not in swept else f"{named} (original)"
        gated = isinstance(begun["from"], str) and Load(begun["from"]).gates == "inserts"
        choosing = self._choosing()
        cost = {"kind": "cost", **({"also": list(exported)} if exported else {})}
        audited = {} if chosen is None else {**self.audit.measures(), "cost": cost}
        asked = {} if chosen is None or not exported else self._asked(chosen)
        timed = {} if self.faster is None else {TIMED: {"kind": "cost", "batches": [self.batch]}}

        def seen(row: str) -> list[str]:
            whole = [*choosing, *timed, *(audited if row in (name, chosen) else ())]
            return [*whole, *(asked if row == chosen else ())]

        first = {**begun, "steps": [{"kind": "fold"}] if gated else [], "measures": seen(name)}
        rows = {row: {"of": name, "steps": steps, "measures": seen(row)} for row, steps in swept.items()}
        files: dict[str, Any] = {}
        for format in exported if chosen is not None else ():
            steps = [{"kind": "export", "format": format}]
            files[exported_row(chosen or "", format)] = {"of": chosen, "steps": steps, "measures": ["natural", *asked]}
        robust = self.wishes.losses.get(self.attacked or "")
        kept = {"natural": self.keep_accuracy, **({} if robust is None else {"robust": robust})}
        return {
            "title": f"Compressing {name}",
            "about": f"{found} {self._about(name, data)}".lstrip(),
            "data": {**taken(network), "valid": 0, **data},
            "model": {"kind": PLAIN},
            "networks": {name: first, **rows, **files},
            "measures": {**choosing, **timed, **audited, **asked},
            "select": self._select(name, rows, chosen or ""),
            "statements": [] if chosen is None else self.audit.statements(chosen, name, **kept),
        }

    def _asked(self, chosen: str) -> dict[str, Any]:
        """How a file is attacked, which has no gradients: by images made on the network, and by its logits alone."""
        audit = self.audit
        seen = {"kind": "accuracy", "n_max": self.images, "part": audit.part}
        ball = {"eps": audit.eps, "norm": self.norm}
        pgd = {"kind": "pgd", **ball, "steps": _STEPS, "loss": "margin"}
        return {
            f"transferred {audit.said(1.0)}": {**seen, "attack": pgd, "source": {"kind": "network", "name": chosen}},
            f"square {audit.said(1.0)}": {**seen, "attack": {"kind": "square", **ball, "queries": _QUERIES}},
        }

    def _swept(self) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        clean: dict[str, Any] = {
            "kind": "train",
            "epochs": self.epochs,
            "batch_size": 64,
            "schedule": {"kind": "cosine"},
        }
        tuning = {**clean, "optimizer": {"kind": "adam", "lr": self.lr}}
        if self.eps is not None:
            attack = {"kind": "pgd", "eps": self.eps, "norm": self.norm, "steps": _TUNED_STEPS}
            tuning |= {"objective": {"kind": "adversarial", "attack": attack}}
        for way in self.ways:
            for removed in self.removed:
                yield way.row(removed), way.steps(removed, tuning)

    def _choosing(self) -> dict[str, Any]:
        seen = {"kind": "accuracy", "n_max": self.images, "part": "even"}
        attack = {"kind": "pgd", "eps": self.eps, "norm": self.norm, "steps": _STEPS, "loss": "margin"}
        return {CHOSEN_BY: seen, **({} if self.attacked is None else {self.attacked: {**seen, "attack": attack}})}

    def _select(self, name: str, rows: Collection[str], chosen: str) -> dict[str, Any]:
        """A selection from each sweep: the largest rate that passes. First comes the sweep of the chosen network, with
        which the page opens.
        """
        natural, robust = (
            {"kind": "no_loss", "nat_tol": self.keep_accuracy},
            self.wishes.losses.get(self.attacked or ""),
        )
        rule = natural if robust is None else {**natural, "kind": "high_robustness", "adv_tol": robust}
        asked = {"rule": rule, "than": name, "natural": CHOSEN_BY}
        if self.attacked is not None:
            asked |= {"adversarial": self.attacked}
        there = [way.name for way in self.ways if any(row.startswith(f"{way.name} ") for row in rows)]
        first = sorted(there, key=lambda way: not chosen.startswith(f"{way} "))
        return {way: {**asked, "from": f"{way} *"} for way in first}

    def _about(self, name: str, data: Mapping[str, Any]) -> str:
        tuned = "" if self.eps is None else ", as they are and as PGD makes them worse"
        return (
            f"{name}, pruned in several ways to several rates, each time fine-tuned for {_epochs(self.epochs)} on the "
            f"training images of {data.get('source')}{tuned}. The network is chosen by test images at even places "
            "('to choose by'), and audited on those at odd places, which had no part in the choice."
        )


def _epochs(number: int) -> str:
    return "1 epoch" if number == 1 else f"{number} epochs"
