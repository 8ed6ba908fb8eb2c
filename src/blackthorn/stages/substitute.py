"""Training a substitute on a network's answers, for black-box attacks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..data import Splits
from ..training import Substitute, Substituted
from ..values import spell
from .artifacts import save_history
from .stage import Decider, Stage, Task, Work


@dataclass(frozen=True)
class Substitution(Task):
    """Train a substitute, once for all measures that attack the network through it."""

    substitute: Substitute

    @property
    def kind(self) -> str:
        """As in recipes."""
        return self.substitute.kind

    @property
    def batch_size(self) -> int:
        """Images in a step."""
        return self.substitute.batch_size

    @property
    def architecture(self) -> Mapping[str, Any]:
        """It begins a network of its own."""
        return {"kind": "mlp", "hidden": list(self.substitute.hidden)}

    def spelling(self) -> Any:
        """The options of the substitute."""
        return spell(self.substitute)

    def decided_by(self) -> frozenset[Decider]:
        """The seed gives its first weights, and the images are where it begins."""
        return frozenset({"seed", "images"})

    def effort(self, splits: Splits) -> float:
        """All rounds together are twice the last one, and each of their images passes three times."""
        return 6.0 * self.substitute.points * self.substitute.epochs

    def run(self, work: Work) -> None:
        """Train the substitute, and keep it as a network."""
        oracle, test = work.parent().model, work.splits.test.to(work.device)
        classes = work.splits.num_classes
        made = self.substitute(
            oracle, test.x, test.y, num_classes=classes, seed=work.stage.seed, progress=work.progress
        )
        save_history(work.folder, made.history)
        work.keep(made.model, None, {"holdout": made.holdout, "queries": made.queries, "agreement": made.agreement})

    def made(self, work: Work, stage: Stage) -> Substituted:
        """The substitute, with what it took to train it."""
        bundle = work.bundle(stage)
        holdout, queries, agreement = (bundle.about[name] for name in ("holdout", "queries", "agreement"))
        assert isinstance(holdout, int) and isinstance(queries, int) and isinstance(agreement, float)  # by `run`
        return Substituted(bundle.model, holdout, queries, agreement)
