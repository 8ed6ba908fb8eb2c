"""Measuring a network: the one stage that runs every measure, by the protocol of `measuring.measure`."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..attacks import AttackWarning, Precision
from ..data import Splits
from ..deploy import Bundle
from ..measuring import AnyMeasure, parameters
from ..measuring.measure import Subject
from ..resources import Resources
from ..results import Record
from ..speed.ranks import ranks
from ..values import spell
from .artifacts import save_examples, save_flags, save_records
from .forms import forms_of
from .noise import NoiseMaking
from .stage import Decider, Need, Task, Work
from .substitute import Substitution


@dataclass(frozen=True)
class Measuring(Task):
    """Measure a network under the name that the recipe gives to the measure."""

    measure: AnyMeasure
    name: str

    @property
    def kind(self) -> str:
        """That of the measure."""
        return self.measure.kind

    @property
    def revision(self) -> int:
        """That of the measure."""
        return self.measure.revision

    @property
    def timed(self) -> bool:
        """As the measure says."""
        return self.measure.timed

    @property
    def precision(self) -> Precision:
        """As the measure says."""
        return self.measure.precision

    @property
    def resources(self) -> Resources | None:
        """As the measure says; what must be made before it asks for what the command says."""
        return self.measure.resources

    def spelling(self) -> Any:
        """The options of the measure. What its source is called decides nothing; what it is enters as an input."""
        return {name: said for name, said in spell(self.measure).items() if name != "source"}

    def decided_by(self) -> frozenset[Decider]:
        """The test images; measures draw by seeds of their own, the same for every network."""
        return frozenset({"images"})

    def needs(self) -> Sequence[Need]:
        """The source, where it is not the measured network, and the noises, which are made on the source."""
        source = self._source()
        noises = [Need("noises", NoiseMaking(noise), on=source, many=True) for noise in self.measure.noises]
        return noises if source is None else [source, *noises]

    def _source(self) -> Need | None:
        source = self.measure.source
        if source is None:
            return None
        _, row = source.row
        return Need("source", None if source.trained is None else Substitution(source.trained), on=row)

    def shared(self, splits: Splits) -> bool:
        """As the measure says."""
        return self.measure.shared(splits)

    def check(self, splits: Splits) -> None:
        """As the measure says."""
        self.measure.check(splits)

    def effort(self, splits: Splits) -> float:
        """As the measure says."""
        return self.measure.effort(len(splits.test))

    def label(self) -> str:
        """The name of the measure."""
        return self.name

    def run(self, work: Work) -> None:
        """Measure, and keep records, and what comes with them."""
        bundle, test = work.parent(), work.splits.test.to(work.device)
        criterion = self.measure.scores_on
        subject = Subject(
            bundle.model,
            test.x,
            test.y,
            source=next(iter(work.inputs("source")), None),
            noises=work.inputs("noises"),
            scored_on=None if criterion is None else work.images(criterion),
            forms=lambda *also: forms_of(work, bundle, also),
            ranks=ranks(),
        )
        measure = self.measure
        if measure.precision == "auto":
            resolved: Any = {"precision": work.stage.precision}  # only a measure with this option can ask for auto
            measure = replace(measure, **resolved)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AttackWarning)  # kept in the records, and shown in the report
            found = measure.measure(subject, progress=work.progress)
        known = _known(work, bundle)
        save_records(work.folder, [_completed(record, known, bundle) for record in found.records])
        if found.flags is not None:
            save_flags(work.folder, found.flags)
        if found.examples is not None:
            save_examples(work.folder, found.examples)


def _known(work: Work, bundle: Bundle) -> dict[str, Any]:
    """What a stage knows of the measured network, for records that have a field for it."""
    return {
        **{name: said for name, said in bundle.about.items() if "sparsity" in name},
        **work.provenance(),
        "classes": tuple(work.splits.test.classes),
        "parameters": parameters(bundle.model) or None,  # what a runtime computes has none to count
    }


def _completed(record: Record, known: Mapping[str, Any], bundle: Bundle) -> Record:
    """A record with what the measure itself cannot know, and with the doubts about how the network was made."""
    fields = type(record).__dataclass_fields__
    doubts = bundle.about.get("warnings")
    warned = (*record.warnings, *(doubts if isinstance(doubts, list) and record.flagged is not None else ()))
    return replace(record, **{name: said for name, said in known.items() if name in fields}, warnings=warned)
