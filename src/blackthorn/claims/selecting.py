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
from ..results.cells import Cell, Selected, Tried
from ..values import Rate, value
from .answers import Answers, gather
from .findings import Percent
from .sweeps import ROUNDING, Pattern, in_percent, swept


@value
class NoLoss:
    """The largest rate without loss of natural accuracy, by more than `nat_tol` points.

    Reference: Wang et al. 2018, Section 2; Table 1 loses 0.0 (weights) and 0.2 points (filters).
    """

    kind: Literal["no_loss"] = "no_loss"
    nat_tol: Percent = 0.2


@value
class HighCompression:
    """The largest rate within `nat_tol` points of natural accuracy, whatever happens to robustness.

    Reference: Wang et al. 2018, Table 2, "high compression": 0.1 to 0.3 points.
    """

    kind: Literal["high_compression"] = "high_compression"
    nat_tol: Percent = 0.3


@value
class HighRobustness:
    """The largest rate within `nat_tol` points of natural and `adv_tol` points of adversarial accuracy.

    Reference: Wang et al. 2018, Table 2, "high robustness". Its networks lose -1.2 to 5.2 points under the attack they
    were trained with; 2 points is between them.
    """

    kind: Literal["high_robustness"] = "high_robustness"
    nat_tol: Percent = 0.3
    adv_tol: Percent = 2.0


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
        robust = isinstance(self.rule, HighRobustness)
        if robust and self.adversarial is None:
            raise ValueError(f"{self.rule.kind} needs 'adversarial', the measure that must not drop, such as pgd 0.3")
        if not robust and self.adversarial is not None:
            raise ValueError(f"{self.rule.kind} looks at natural accuracy only; leave 'adversarial' out")

    @property
    def tolerances(self) -> dict[str, float]:
        """Measure -> the points that it may lose."""
        found = {self.natural: self.rule.nat_tol}
        if isinstance(self.rule, HighRobustness) and self.adversarial is not None:
            found[self.adversarial] = self.rule.adv_tol
        return found


@dataclass(frozen=True)
class Choice:
    """What a rule picks from a sweep."""

    rate: float | None
    """The largest rate that passes, of those that are measured; None = none does."""
    settled: bool
    """False = a larger rate is not measured yet, so that `rate` may still grow."""
    passes: tuple[bool | None, ...]
    """For each rate as given: whether it passes; None = not measured."""


def select(
    rule: AnyRule,
    rates: Sequence[float],
    natural: Sequence[float | None],
    adversarial: Sequence[float | None] | None = None,
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
    Raises:
        BlackthornError: rates that repeat or lack 0, or not as many accuracies as rates.
    """
    accuracies = [(natural, rule.nat_tol)]
    if isinstance(rule, HighRobustness):
        if adversarial is None:
            raise BlackthornError("high_robustness looks at adversarial accuracy too; give one for each rate")
        accuracies.append((adversarial, rule.adv_tol))
    if any(len(given) != len(rates) for given, _ in accuracies):
        raise BlackthornError(f"{len(rates)} rates want as many accuracies; None stands for one that is not measured")
    if len(set(rates)) != len(rates) or 0 not in rates or not all(0 <= rate <= 1 for rate in rates):
        raise BlackthornError(f"rates are different fractions with 0, the unpruned network; got {list(rates)}")
    unpruned = list(rates).index(0)

    def passes(at: int) -> bool | None:
        told: list[bool | None] = []
        for given, tolerance in accuracies:
            ours, theirs = given[at], given[unpruned]
            told.append(None if ours is None or theirs is None else 100 * (ours - theirs) >= -tolerance - ROUNDING)
        return False if False in told else (None if None in told else True)

    found = tuple(passes(at) for at in range(len(rates)))
    best = max((rate for rate, passed in zip(rates, found) if passed and rate), default=None)
    settled = all(passed is not None for rate, passed in zip(rates, found) if rate > (best or 0))
    return Choice(best, settled, found)


def choose(
    selections: Mapping[str, Selection], cells: Sequence[Cell], seeds: Sequence[int], rates: Mapping[str, float]
) -> list[Selected]:
    """Apply each selection of a recipe to what is measured for all seeds; `rates` as requested, for every row."""
    answers = gather(cells, seeds)
    return [_chosen(name, selection, answers, rates) for name, selection in selections.items()]


def _chosen(name: str, selection: Selection, answers: Answers, rates: Mapping[str, float]) -> Selected:
    rows = [selection.than, *swept(selection.rows, selection.than, rates)]
    natural, adversarial = (
        [_share(answers, row, metric) for row in rows] for metric in (selection.natural, selection.adversarial)
    )
    by_row = [0.0, *(rates[row] for row in rows[1:])]
    choice = select(selection.rule, by_row, natural, adversarial)
    sweep = tuple(
        Tried(row, rate, passes, _changes(answers, row, selection))
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
        note=_note(selection, choice, sweep, answers),
    )


def _share(answers: Answers, row: str, metric: str | None) -> float | None:
    flags = answers.flags.get((row, metric or ""))
    return None if flags is None else float(flags.mean())


def _changes(answers: Answers, row: str, selection: Selection) -> dict[str, float]:
    """Measure -> points against the unpruned network, of those that are measured for both."""
    found = {}
    for metric in selection.tolerances:
        ours, theirs = _share(answers, row, metric), _share(answers, selection.than, metric)
        if ours is not None and theirs is not None:
            found[metric] = 100 * (ours - theirs)
    return found


def _words(selection: Selection) -> str:
    within = " and ".join(f"{metric} within {points:g} points" for metric, points in selection.tolerances.items())
    return f"largest rate of {selection.rows} with {within} of {selection.than}"


def _note(selection: Selection, choice: Choice, sweep: Sequence[Tried], answers: Answers) -> str:
    """What one should know before quoting the pick."""
    if not choice.settled:
        larger = [tried.row for tried in sweep if tried.rate > (choice.rate or 0) and tried.passes is None]
        absent = answers.missing((row, metric) for row in (selection.than, *larger) for metric in selection.tolerances)
        none = "; none passes so far" if any(tried.passes is False for tried in sweep) else ""
        so_far = none if choice.rate is None else f"; {in_percent(choice.rate)} passes so far"
        return f"not measured yet: {_listed(absent)}{so_far}"
    if choice.rate is None:
        return ""
    smaller = [in_percent(tried.rate) for tried in sweep if tried.rate < choice.rate and tried.passes is False]
    notes = [f"{_listed(smaller)} failed, though smaller"] if smaller else []
    if choice.rate == sweep[-1].rate:
        notes.append("the sweep ends here: more may pass")
    return "; ".join(notes)


def _listed(names: Sequence[str], limit: int = 3) -> str:
    return "; ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
