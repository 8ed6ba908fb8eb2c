"""Statements about proofs: how many images are proved to stand."""

from typing import ClassVar, Literal

from ..results import CertifiedRecord, Record, estimate
from ..values import value
from .evidence import Evidence
from .finding import Finding, Percent, at_least
from .statement import About, places


@value
class Proved(About):
    """At least `percent` of the images of `rows` are proved to stand in every one of `metrics`."""

    record: ClassVar[type[Record]] = CertifiedRecord
    kind: Literal["proved"] = "proved"
    percent: Percent

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the share stays above; no when it stays below."""
        found = []
        for place in places(self.rows, self.metrics):
            held = estimate(evidence.cells(CertifiedRecord, place))
            assert held is not None  # a statement is decided when all its places are measured
            interval = f"[{100 * held.low:.2f}, {100 * held.high:.2f}]"
            said = f"{', '.join(place)}: {100 * held.value:.2f} % proved {interval}"
            found.append(at_least(held, self.percent / 100, said))
        return found
