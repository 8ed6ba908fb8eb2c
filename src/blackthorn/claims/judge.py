"""Decide the statements of a recipe from what is measured: yes, no, or not to be told from this many images."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..results import Grid
from .evidence import Evidence
from .finding import together
from .statement import Statement

_NAMED = 4  # places that are not measured, or under alarm, named one by one


@dataclass(frozen=True)
class Verdict:
    """A statement of the recipe beside what the numbers say about it."""

    statement: str
    holds: bool | None
    """None = cannot be told: places are not measured or under alarm, or the interval leaves it open."""
    evidence: str


def judge(statements: Sequence[Statement], grid: Grid) -> list[Verdict]:
    """Decide each statement; one that speaks of a place that lacks a seed is undecided.

    A statement about several comparisons holds only with all of them, and fails with one, which then has to contradict
    it more clearly the more there are (see `together`). A number under alarm decides only what an upper bound can,
    unless the statement is about attacks: what they found is exact.
    """
    evidence = Evidence(grid)
    return [_judged(statement, evidence) for statement in statements]


def _judged(statement: Statement, evidence: Evidence) -> Verdict:
    places = statement.places(evidence.rates)
    absent = evidence.missing(statement.record, places)
    if absent:
        return Verdict(statement.text, None, f"not measured yet: {_listed(absent)}")
    found, alarmed = together(statement.decide(evidence)), evidence.alarmed(statement.record, places)
    means = "as these attacks found it" if statement.of_attacks else "so an upper bound that must not be compared"
    doubt = f"; under alarm, {means}: {_listed(alarmed)}" if alarmed else ""
    return Verdict(statement.text, found.holds, found.text + doubt)


def _listed(places: Sequence[str]) -> str:
    return "; ".join(places[:_NAMED]) + (f" and {len(places) - _NAMED} more" if len(places) > _NAMED else "")
