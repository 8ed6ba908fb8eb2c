"""What a recipe says about proofs."""

from pathlib import Path

import pytest

from blackthorn.claims import Proved, judge
from blackthorn.results import Cell, CertifiedRecord, Grid, Row


@pytest.mark.parametrize(("percent", "holds"), [(35, True), (39.5, None), (45, False)])
def test_a_proved_share_is_held_against_a_percentage(percent: float, holds: bool | None, tmp_path: Path) -> None:
    record = CertifiedRecord(
        value=0.4,
        low=0.39,
        high=0.41,
        n=10_000,
        eps=0.1,
        norm="linf",
        method="crown",
        proved_by={"crown": 4000},
        seed=0,
    )
    grid = Grid([Row("dense")], {"crown": "certified"}, [0], [Cell("dense", "crown", 0, record, None, tmp_path)])
    said = Proved(text="Something is proved", rows=("dense",), metrics=("crown",), percent=percent)
    (verdict,) = judge([said], grid)
    assert verdict.holds is holds and "40.00 % proved" in verdict.evidence
