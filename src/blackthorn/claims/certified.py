"""Statements about proofs: how many images are proved to stand."""

from typing import ClassVar, Literal

from ..results import CertifiedRecord, Record, estimate
from ..values import value
from .evidence import Evidence
from .finding import Finding, Percent, told
from .statement import About, places


@value
class Proved(About):
    """At least `percent` of the images of `rows` are proved to stand in every one of `metrics`."""

    record: ClassVar[type[Record]] = CertifiedRecord
    kind: Literal["proved"] = "proved"
    percent: Percent

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the share stays above; no when the share itself does not."""
        found = []
        for place in places(self.rows, self.metrics):
            held = estimate(evidence.cells(CertifiedRecord, place))
            assert held is not None  # a statement is decided when all its places are measured
            at, low, high = 100 * held.value, 100 * held.low, 100 * held.high
            said = f"{', '.join(place)}: {at:.2f} % proved [{low:.2f}, {high:.2f}]"
            found.append((told(low >= self.percent, at < self.percent), said))
        return found
