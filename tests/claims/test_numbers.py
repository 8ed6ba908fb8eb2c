"""What recipes say about vulnerability and counts."""

from pathlib import Path

import pytest

from blackthorn.claims import MoreVulnerable, Reaches, judge
from blackthorn.results import Cell, CountedRecord, Grid, Record, Row, VulnerabilityRecord


def moved(row: str, value: float, half: float = 0.01, seed: int = 0) -> Cell[Record]:
    record = VulnerabilityRecord(
        value=value,
        n=100,
        low=value - half,
        high=value + half,
        taps=("relu1",),
        layers=(value,),
        units=((value,),),
        attack={"kind": "pgd", "eps": 0.3},
        eps=0.3,
        norm="linf",
    )
    return Cell(row, "vulnerability", seed, record, None, Path())


@pytest.mark.parametrize(("value", "holds"), [(0.2, True), (0.11, None), (0.1, None), (0.05, False)])
def test_one_network_is_more_vulnerable_than_another_when_the_intervals_tell(value: float, holds: bool | None) -> None:
    grid = Grid([Row("at"), Row("vs")], {"vulnerability": "vulnerability"}, [0], [moved("at", value), moved("vs", 0.1)])
    said = MoreVulnerable(text="VS suppresses", rows=("at",), than="vs", metrics=("vulnerability",))
    (verdict,) = judge([said], grid)
    assert verdict.holds is holds and f"{value:g} against 0.1" in verdict.evidence


def test_values_above_1_and_several_seeds_are_compared_by_means() -> None:
    cells = [moved("bnn", 1.5 + 0.1 * seed, seed=seed) for seed in (0, 1)]
    cells += [moved("vs", 0.1 * (seed + 1), seed=seed) for seed in (0, 1)]
    grid = Grid([Row("bnn"), Row("vs")], {"vulnerability": "vulnerability"}, [0, 1], cells)
    said = MoreVulnerable(text="VS suppresses", rows=("bnn",), than="vs", metrics=("vulnerability",))
    (verdict,) = judge([said], grid)
    assert "1.55 against 0.15" in verdict.evidence


@pytest.mark.parametrize(("counts", "holds"), [((80, 76), True), ((80, 74), None), ((70, 60), False)])
def test_a_count_is_reached_when_every_seed_reaches_it(counts: tuple[float, ...], holds: bool | None) -> None:
    cells: list[Cell[Record]] = []
    for seed, value in enumerate(counts):
        record = CountedRecord(what="units", counting="corrected", value=value, whole=1370, left=300)
        cells.append(Cell("anp", "sparsity", seed, record, None, Path()))
    grid = Grid([Row("anp")], {"sparsity": "counted"}, [0, 1], cells)
    said = Reaches(text="Three quarters go", rows=("anp",), metrics=("sparsity",), number=75)
    (verdict,) = judge([said], grid)
    assert verdict.holds is holds
