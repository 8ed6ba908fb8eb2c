"""From a recipe to stages: what has to be computed, what each needs, and the address at which each is kept.

An address is a hash of everything that decides the outcome: the stage as spelled with defaults left out, its
parent's address, the seed, and the fingerprint of the data. So a dense network is trained once for all its pruned
children and for every recipe, and running a command again is the same as resuming it. Rules that keep this true:

- a new option must default to the old behaviour; changing a default is a breaking change;
- a fix that changes numbers raises the stage's revision below.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..attacks import PGD, Evading
from ..data import Splits
from ..measuring import Cost, Detection, PruningCurve
from ..models.foreign import source_of
from ..objectives import Adversarial
from ..training import Substitute
from ..values import address, spell
from .schema import Prune, Recipe, Step, Train

_LEAST = 500.0  # effort of a stage that does next to nothing: reading a network, writing a folder

REVISIONS = {
    "train": 1,
    "prune": 1,
    "shrink": 1,
    "decouple": 1,
    "substitute": 1,
    "noise": 1,
    "accuracy": 1,
    "pruning_curve": 1,
    "detection": 1,
    "cost": 1,
}

StageKind = Literal[
    "train", "prune", "shrink", "decouple", "substitute", "noise", "accuracy", "pruning_curve", "detection", "cost"
]


@dataclass(frozen=True)
class Stage:
    """One piece of work with its own folder."""

    kind: StageKind
    key: str
    value: Any
    """The step or measure as written in the recipe."""
    seed: int
    model: dict[str, Any]
    """The architecture to start from, when there is no parent."""
    parent: "Stage | None"
    label: str
    """For people: seed, network, what."""
    effort: float
    """Forward or backward passes of one image, roughly; for the remaining time."""
    source: "Stage | None" = None
    """What a measure's adversarial images, or noises, are made on, where that is not its parent."""
    noises: tuple["Stage", ...] = ()
    """The universal noises that a measure adds to images, in its own order."""

    @property
    def needs(self) -> tuple["Stage", ...]:
        """What must be finished before."""
        return tuple(stage for stage in (self.parent, self.source, *self.noises) if stage is not None)


@dataclass(frozen=True)
class Place:
    """Where a stage's records go in the table."""

    row: str
    metric: str
    seed: int
    stage: Stage


@dataclass(frozen=True)
class Plan:
    """Everything a recipe asks for, parents before children, measurements of time last."""

    stages: Sequence[Stage]
    places: Sequence[Place]


def plan(recipe: Recipe, splits: Splits) -> Plan:
    """Lay out all stages of a recipe on these data."""
    stages: dict[str, Stage] = {}
    places = []
    for seed in recipe.seeds:
        finished: dict[str, Stage] = {}
        for row, network in recipe.networks.items():
            parent = finished[network.of] if network.of is not None else None
            model = network.model or recipe.model
            for step in network.steps:
                stage = _step(step, parent, model, seed, row, splits)
                parent = stages.setdefault(stage.key, stage)
            assert parent is not None  # a network has at least one step
            finished[row] = parent
        for row in recipe.rows:
            for metric, measure in recipe.measures.items():
                if not recipe.networks[row].wants(metric):
                    continue
                source = _source(measure, finished, row, splits)
                if source is not None:
                    source = stages.setdefault(source.key, source)
                noises = tuple(
                    stages.setdefault(noise.key, noise)
                    for noise in _noises(measure, source or finished[row], finished, splits)
                )
                stage = _measure(measure, finished[row], source, noises, row, metric, splits)
                places.append(Place(row, metric, seed, stages.setdefault(stage.key, stage)))
    # Latency is measured when nothing else of this recipe runs any more.
    ordered = sorted(stages.values(), key=lambda stage: stage.kind == "cost")
    return Plan(ordered, places)


def _step(step: Step, parent: Stage | None, model: dict[str, Any], seed: int, row: str, splits: Splits) -> Stage:
    identity: dict[str, Any] = {"stage": spell(step), "revision": REVISIONS[step.kind]}
    if parent is None:
        identity |= {
            "model": model,
            "code": _foreign_code(model),
            "shape": list(splits.shape),
            "classes": splits.num_classes,
        }
    else:
        identity |= {"parent": parent.key}
    effort = _LEAST
    if isinstance(step, Train):
        identity |= {"seed": seed, "data": splits.fingerprint}
        effort += step.epochs * len(splits.train) * _passes(step.objective)
        label = f"seed {seed} · {row} · train {step.epochs} epoch{'s' if step.epochs > 1 else ''}"
    else:
        if isinstance(step, Prune) and _looks_at_images(step):
            identity |= {"seed": seed, "data": splits.fingerprint}
        label = f"seed {seed} · {row} · {step.kind}"
        label += f" {step.sparsity:.4g}" if isinstance(step, Prune) else ""
    return Stage(step.kind, address(identity), step, seed, model, parent, label, effort)


def _looks_at_images(step: Prune) -> bool:
    return any(criterion.wants for criterion in (step.criterion, *(one.criterion for one in step.also)))


def _source(measure: Any, finished: Mapping[str, Stage], row: str, splits: Splits) -> Stage | None:
    """The network that adversarial images, or noises, are made on; a substitute is a stage of its own."""
    source = getattr(measure, "source", None)
    if not isinstance(source, Substitute):
        return None if source is None else finished[source.name]
    oracle = finished[source.of or row]
    value = replace(source, of=None)  # the name of a row decides nothing
    identity = {
        "stage": spell(value),
        "revision": REVISIONS["substitute"],
        "parent": oracle.key,
        "seed": oracle.seed,
        "data": splits.fingerprint,
    }
    effort = _LEAST + 6.0 * value.points * value.epochs  # all rounds together are twice the last; three passes each
    label = f"seed {oracle.seed} · {source.of or row} · substitute"
    model = {"kind": "mlp", "hidden": list(value.hidden)}
    return Stage("substitute", address(identity), value, oracle.seed, model, oracle, label, effort)


def _noises(measure: Any, network: Stage, finished: Mapping[str, Stage], splits: Splits) -> Iterator[Stage]:
    """The universal noises that a measure lists in `noises`, made on `network`: one stage each, shared by all that add
    them.
    """
    row = next((row for row, stage in finished.items() if stage is network), network.kind)
    for noise in getattr(measure, "noises", ()):
        value = replace(noise, clip_eval=True)  # how it is added to images decides nothing about it
        identity = {
            "stage": spell(value),
            "revision": REVISIONS["noise"],
            "parent": network.key,
            "seed": network.seed,
            "data": splits.fingerprint,
        }
        effort = _LEAST + 2.0 * noise.search.steps * noise.search.batch_size
        label = f"seed {network.seed} · {row} · noise {noise.target}, {noise.limit:g}"
        yield Stage("noise", address(identity), value, network.seed, network.model, network, label, effort)


def _measure(
    measure: Any,
    network: Stage,
    source: Stage | None,
    noises: tuple[Stage, ...],
    row: str,
    metric: str,
    splits: Splits,
) -> Stage:
    identity = {
        "stage": spell(measure),
        "revision": REVISIONS[measure.kind],
        "parent": network.key,
        "data": splits.fingerprint,
    }
    if source is not None:
        identity |= {"stage": spell(replace(measure, source=None)), "source": source.key}
    if noises:
        identity |= {"noises": [noise.key for noise in noises]}
    if isinstance(measure, Cost):
        effort = _LEAST + 3.0 * measure.repeats * sum(measure.batches)  # in up to three forms
    elif isinstance(measure, PruningCurve):
        effort = _LEAST + float(len(splits.test) * (1 + len(noises)) * len(measure.rates))
    elif isinstance(measure, Detection):
        images = min(len(splits.test), measure.n_max or len(splits.test))
        effort = _LEAST + images * (1.0 + len(noises) + 2.0 * (0 if measure.attack is None else _steps(measure.attack)))
    else:
        attack = getattr(measure, "attack", None)
        # A step is two passes; but images leave as soon as they are fooled, and are judged once more at the end.
        effort = _LEAST + len(splits.test) * (1.0 if attack is None else 2.0 + _steps(attack))
    label = f"seed {network.seed} · {row} · {metric}"
    return Stage(
        measure.kind, address(identity), measure, network.seed, network.model, network, label, effort, source, noises
    )


def _passes(objective: Any) -> float:
    """Forward and backward passes of one image in a training step."""
    return 3.0 if not isinstance(objective, Adversarial) else 6.0 + 2.0 * _steps(objective.attack)


def _steps(attack: Any) -> int:
    return attack.steps * attack.restarts if isinstance(attack, (PGD, Evading)) else 1


def _foreign_code(model: dict[str, Any]) -> str | None:
    """A hash of the files a person's own network is written in: other code, other address."""
    kind = str(model.get("kind", ""))
    return hashlib.sha256(b"".join(source_of(kind))).hexdigest()[:12] if ":" in kind else None
