"""Decide the statements of a recipe from what is measured: yes, no, or not to be told from this many images."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..results import Grid
from .evidence import Evidence
from .finding import Finding
from .statement import Statement

_NAMED = 4  # places that are not measured, named one by one


@dataclass(frozen=True)
class Verdict:
    """A statement of the recipe beside what the numbers say about it."""

    statement: str
    holds: bool | None
    """None = cannot be told: places are not measured, or the interval leaves it open."""
    evidence: str


def judge(statements: Sequence[Statement], grid: Grid) -> list[Verdict]:
    """Decide each statement; one that speaks of a place that lacks a seed is undecided."""
    evidence = Evidence(grid)
    return [_judged(statement, evidence) for statement in statements]


def _judged(statement: Statement, evidence: Evidence) -> Verdict:
    absent = evidence.missing(statement.record, statement.places(evidence.rates))
    if absent:
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        return Verdict(statement.text, None, f"not measured yet: {'; '.join(absent[:_NAMED])}{more}")
    return _together(statement.text, statement.decide(evidence))


def _together(text: str, found: Sequence[Finding]) -> Verdict:
    """A statement about several comparisons fails with one of them, and holds only with all."""
    outcomes = [holds for holds, _ in found]
    holds = False if False in outcomes else (None if None in outcomes else True)
    return Verdict(text, holds, "; ".join(evidence for _, evidence in found))
