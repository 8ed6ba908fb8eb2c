"""Pick a network from a sweep by a stated rule: the largest rate whose accuracy is within a tolerance of unpruned.

Nothing is trained for it: the sweep's own cells decide, whenever a report is drawn, and the whole sweep stays in the
records.

Reference:
    Wang et al. 2018, Section 2 ("the smallest model without accuracy loss") and the trade-offs of Table 2. The paper
    gives no tolerances; the defaults are read off its tables, where the networks called "high compression" lose 0.1 to
    0.3 points of natural accuracy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ..errors import BlackthornError
from ..results import AccuracyRecord, Grid, Place
from ..values import Rate, value
from .evidence import Evidence
from .finding import Percent
from .statement import Rates, places
from .sweeps import ROUNDING, Pattern, in_percent, swept


@value
class _Rule:
    kind: str
    nat_tol: Percent
    """Points of natural accuracy that may be lost."""

    @property
    def adversarial_tolerance(self) -> float | None:
        """Points of adversarial accuracy that may be lost; None for a rule that does not look at it."""
        return None


@value
class NoLoss(_Rule):
    """The largest rate without loss of natural accuracy, by more than `nat_tol` points.

    Reference: Wang et al. 2018, Section 2; Table 1 loses 0.0 (weights) and 0.2 points (filters).
    """

    kind: Literal["no_loss"] = "no_loss"
    nat_tol: Percent = 0.2


@value
class HighCompression(_Rule):
    """The largest rate within `nat_tol` points of natural accuracy, whatever happens to robustness.

    Reference: Wang et al. 2018, Table 2, "high compression": 0.1 to 0.3 points.
    """

    kind: Literal["high_compression"] = "high_compression"
    nat_tol: Percent = 0.3


@value
class HighRobustness(_Rule):
    """The largest rate within `nat_tol` points of natural and `adv_tol` points of adversarial accuracy.

    Reference: Wang et al. 2018, Table 2, "high robustness". Its networks lose -1.2 to 5.2 points under the attack they
    were trained with; 2 points is between them.
    """

    kind: Literal["high_robustness"] = "high_robustness"
    nat_tol: Percent = 0.3
    adv_tol: Percent = 2.0
    """Points of adversarial accuracy that may be lost."""

    @property
    def adversarial_tolerance(self) -> float:
        """Points of adversarial accuracy that may be lost."""
        return self.adv_tol


AnyRule = Annotated[NoLoss | HighCompression | HighRobustness, Field(discriminator="kind")]
"""Every rule a recipe can select by."""


@value
class Selection:
    """A network that is picked from a sweep by a rule."""

    rule: AnyRule
    rows: Pattern
    than: str
    """The unpruned network."""
    natural: str = "natural"
    """The measure of natural accuracy."""
    adversarial: str | None = None
    """The measure of adversarial accuracy, for a rule that looks at it."""
    published: Annotated[Rate, Field(gt=0)] | None = None
    """The rate that the paper picked, shown beside ours: 96%."""

    def __post_init__(self) -> None:
        robust = self.rule.adversarial_tolerance is not None
        if robust and self.adversarial is None:
            raise ValueError(f"{self.rule.kind} needs 'adversarial', the measure that must not drop, such as pgd 0.3")
        if not robust and self.adversarial is not None:
            raise ValueError(f"{self.rule.kind} looks at natural accuracy only; leave 'adversarial' out")

    @property
    def tolerances(self) -> dict[str, float]:
        """Measure -> the points that it may lose."""
        found, robust = {self.natural: self.rule.nat_tol}, self.rule.adversarial_tolerance
        if self.adversarial is not None and robust is not None:
            found[self.adversarial] = robust
        return found

    def places(self, rates: Rates) -> list[Place]:
        """The sweep, and the network that it is pruned from, under each measure that the rule looks at.

        Raises:
            ValueError: the pattern fits no sweep.
        """
        return places((self.than, *swept(self.rows, self.than, rates)), list(self.tolerances))


@dataclass(frozen=True)
class Tried:
    """A network of a sweep, as a rule sees it."""

    row: str
    rate: float
    """The fraction that was to be removed."""
    passes: bool | None
    """None = not known: not measured yet, or under alarm."""
    changes: Mapping[str, float]
    """metric -> points against the unpruned network, for what the rule looks at and can be compared."""


@dataclass(frozen=True)
class Selected:
    """What a rule picked from a sweep, and the sweep it was picked from."""

    name: str
    rule: str
    """In words."""
    than: str
    """The unpruned network."""
    picked: Tried | None
    """None = no network passes, or it cannot be told yet."""
    settled: bool
    """False = it cannot be told, because networks are missing or numbers are under alarm."""
    published: float | None
    """The rate that the paper picked."""
    sweep: tuple[Tried, ...]
    """From the smallest rate to the largest."""
    note: str
    """What is missing or under alarm, or what one should know before quoting the pick."""


@dataclass(frozen=True)
class Choice:
    """What a rule picks from a sweep."""

    rate: float | None
    """The largest rate that passes, of those that are measured; None = none does."""
    settled: bool
    """False = of a larger rate it is not known whether it passes, so that `rate` may still grow."""
    passes: tuple[bool | None, ...]
    """For each rate as given: whether it passes; None = not known."""


def select(
    rule: AnyRule,
    rates: Sequence[float],
    natural: Sequence[float | None],
    adversarial: Sequence[float | None] | None = None,
    alarmed: Sequence[bool] | None = None,
) -> Choice:
    """Pick from a sweep the largest rate that passes the rule.

    The largest that passes at all, even where a smaller one fails: a network is judged by what it is, and accuracies of
    neighbours in a sweep differ by chance. `Choice.passes` tells where that was so. A loss of exactly the tolerance
    passes.

    Args:
        rule: `NoLoss`, `HighCompression` or `HighRobustness`.
        rates: fractions removed in [0, 1], each once, in any order; 0 is the unpruned network and must be there.
        natural: natural accuracy in [0, 1] at each rate, the mean over the seeds; None = not measured yet.
        adversarial: adversarial accuracy at each rate, for `HighRobustness`.
        alarmed: whether an alarm rang for it, by default for none. Such a number is an upper bound: it can fail the
            rule and cannot pass it, and of the unpruned network the other way round.
    Raises:
        BlackthornError: rates that repeat or lack 0, or not as many accuracies or alarms as rates.
    """
    none = [False] * len(rates)
    accuracies = [(natural, rule.nat_tol, none)]
    if rule.adversarial_tolerance is not None:
        if adversarial is None:
            raise BlackthornError(f"{rule.kind} looks at adversarial accuracy too; give one for each rate")
        accuracies.append((adversarial, rule.adversarial_tolerance, none if alarmed is None else list(alarmed)))
    if any(len(given) != len(rates) or len(rings) != len(rates) for given, _, rings in accuracies):
        raise BlackthornError(f"{len(rates)} rates want as many accuracies; None stands for one that is not measured")
    if len(set(rates)) != len(rates) or 0 not in rates or not all(0 <= rate <= 1 for rate in rates):
        raise BlackthornError(f"rates are different fractions with 0, the unpruned network; got {list(rates)}")
    unpruned = list(rates).index(0)

    def passes(at: int) -> bool | None:
        told: list[bool | None] = []
        for given, tolerance, rings in accuracies:
            ours, theirs = given[at], given[unpruned]
            if ours is None or theirs is None:
                told.append(None)
                continue
            passed = 100 * (ours - theirs) >= -tolerance - ROUNDING
            told.append(None if rings[at if passed else unpruned] else passed)
        return False if False in told else (None if None in told else True)

    found = tuple(passes(at) for at in range(len(rates)))
    best = max((rate for rate, passed in zip(rates, found) if passed and rate), default=None)
    settled = all(passed is not None for rate, passed in zip(rates, found) if rate > (best or 0))
    return Choice(best, settled, found)


def choose(selections: Mapping[str, Selection], grid: Grid) -> list[Selected]:
    """Apply each selection of a recipe to what is measured for all seeds."""
    evidence = Evidence(grid)
    return [_chosen(name, selection, evidence) for name, selection in selections.items()]


def _chosen(name: str, selection: Selection, evidence: Evidence) -> Selected:
    rates = evidence.rates
    rows = [selection.than, *swept(selection.rows, selection.than, rates)]
    natural, adversarial = (
        [_share(evidence, row, metric) for row in rows] for metric in (selection.natural, selection.adversarial)
    )
    by_row = [0.0, *(rates[row] for row in rows[1:])]
    rings = [_rings(evidence, row, selection.adversarial) for row in rows]
    choice = select(selection.rule, by_row, natural, adversarial, rings)
    sweep = tuple(
        Tried(row, rate, passes, _changes(evidence, row, selection))
        for row, rate, passes in zip(rows[1:], by_row[1:], choice.passes[1:])
    )
    return Selected(
        name=name,
        rule=_words(selection),
        than=selection.than,
        picked=next((tried for tried in sweep if tried.rate == choice.rate), None) if choice.settled else None,
        settled=choice.settled,
        published=selection.published,
        sweep=sweep,
        note=_note(selection, choice, sweep, evidence),
    )


def _share(evidence: Evidence, row: str, metric: str | None) -> float | None:
    flags = evidence.flags((row, metric or ""))
    return None if flags is None else float(flags.mean())


def _rings(evidence: Evidence, row: str, metric: str | None) -> bool:
    return bool(evidence.alarmed(AccuracyRecord, [(row, metric or "")]))


def _changes(evidence: Evidence, row: str, selection: Selection) -> dict[str, float]:
    """Measure -> points against the unpruned network, of those that are measured for both and not under alarm."""
    found = {}
    for metric in selection.tolerances:
        ours, theirs = _share(evidence, row, metric), _share(evidence, selection.than, metric)
        rings = any(_rings(evidence, name, metric) for name in (row, selection.than))
        if ours is not None and theirs is not None and not rings:
            found[metric] = 100 * (ours - theirs)
    return found


def _words(selection: Selection) -> str:
    within = " and ".join(f"{metric} within {points:g} points" for metric, points in selection.tolerances.items())
    return f"largest rate of {selection.rows} with {within} of {selection.than}"


def _note(selection: Selection, choice: Choice, sweep: Sequence[Tried], evidence: Evidence) -> str:
    """What one should know before quoting the pick."""
    if not choice.settled:
        larger = [tried.row for tried in sweep if tried.rate > (choice.rate or 0) and tried.passes is None]
        unknown = places((selection.than, *larger), list(selection.tolerances))
        absent, alarmed = evidence.missing(AccuracyRecord, unknown), evidence.alarmed(AccuracyRecord, unknown)
        none = "; none passes so far" if any(tried.passes is False for tried in sweep) else ""
        so_far = none if choice.rate is None else f"; {in_percent(choice.rate)} passes so far"
        why = [f"not measured yet: {_listed(absent)}"] if absent else []
        why += [f"under alarm, so an upper bound that must not be compared: {_listed(alarmed)}"] if alarmed else []
        return "; ".join(why) + so_far
    if choice.rate is None:
        return ""
    smaller = [in_percent(tried.rate) for tried in sweep if tried.rate < choice.rate and tried.passes is False]
    notes = [f"{_listed(smaller)} failed, though smaller"] if smaller else []
    if choice.rate == sweep[-1].rate:
        notes.append("the sweep ends here: more may pass")
    return "; ".join(notes)


def _listed(names: Sequence[str], limit: int = 3) -> str:
    return "; ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
