"""From a recipe to stages: what has to be computed, what each stage needs, and the address at which each is kept.

An address is a hash of everything that decides the outcome: the task as spelled with defaults left out, its parent's
address, what else it needs, and the seed and the images where they matter. So a dense network is trained once for all
networks that are pruned from it and for every recipe, and running a command again is the same as resuming it. Rules
that keep this true:

- a new option must default to the old behaviour; changing a default is a breaking change;
- a fix that changes numbers raises the `revision` of its task or measure.

The planner knows no kind of task: it asks each for what it needs by the protocol of `stages.stage`.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from ..data import Splits
from ..measuring import AnyMeasure, source_for
from ..models.brought import brought_along
from ..models.foreign import source_of
from ..results import Row
from ..speed.precision import Chosen
from ..stages import Measuring, Need, Stage, Task
from ..values import address
from .checks import made_on
from .schema import Recipe

_LEAST = 500.0  # effort of a stage that does next to nothing: reading a network, writing a folder

Resolve = Callable[[Mapping[str, Any], int], Chosen]
"""`resolve(architecture, batch_size)`: the arithmetic that `precision: auto` stands for."""

CodeOf = Callable[[Mapping[str, Any]], str | None]
"""`code(architecture)`: a hash of the code of a person's own network; None for a built-in one."""


@dataclass(frozen=True)
class Place:
    """Where a stage's records go in the table."""

    row: str
    metric: str
    seed: int
    stage: Stage


@dataclass(frozen=True)
class Plan:
    """Everything a recipe asks for."""

    stages: Sequence[Stage]
    """Each after all that it needs; measurements of time last."""
    places: Sequence[Place]
    rows: Sequence[Row]
    metrics: Mapping[str, str]
    """Name of each measure, and its kind."""
    seeds: Sequence[int]


def float32(architecture: Mapping[str, Any], batch_size: int) -> Chosen:
    """What `precision: auto` stands for where nothing was timed."""
    return "float32"


def foreign_code(model: Mapping[str, Any], splits: Splits) -> str | None:
    """A hash of the files in which a person's own network is written, and of the weights that its factory brings along:
    other code or other weights, other address. The factory is imported and called.
    """
    kind = str(model.get("kind", ""))
    if ":" not in kind:
        return None
    files = b"".join(source_of(kind))
    weights = brought_along(model, num_classes=splits.num_classes, shape=splits.shape) or ""
    return hashlib.sha256(files + weights.encode()).hexdigest()[:12]


def plan(
    recipe: Recipe,
    splits: Splits,
    resolve: Resolve = float32,
    code: CodeOf | None = None,
    passes: Mapping[tuple[str, str], float] | None = None,
) -> Plan:
    """Lay out all stages of a recipe on these images. By default, factories of its networks are imported.

    `passes` are those of `passes_of`; without them, the remaining time of some measures is told wrongly.
    """
    code = code or (lambda model: foreign_code(model, splits))
    stages: dict[str, Stage] = {}
    places: list[Place] = []
    bases = {row.name: row.base for row in recipe.lineage}
    for seed in recipe.seeds:
        layer = _Seed(seed, splits, resolve, code, stages, {})
        for row, network in recipe.networks.items():
            stage = layer.finished[network.of] if network.of is not None else None
            for step in network.way:
                stage = layer.stage(step, stage, row, recipe.model_of(row))
            assert stage is not None  # a network comes from somewhere
            layer.finished[row] = stage
            for name, images in recipe.images.items():
                if name not in layer.finished and made_on(images) <= layer.finished.keys():
                    on = layer.finished[images.of]
                    layer.finished[name] = layer.stage(images, on, name, on.model)
        for name, images in recipe.images.items():
            if images.recorded:
                places.append(Place(name, images.kind, seed, layer.finished[name]))
        for row in recipe.rows:
            for metric, measure in recipe.measures.items():
                if recipe.networks[row].wants(metric):
                    network_made = layer.finished[row]
                    task = Measuring(_made_for(measure, bases[row]), metric)
                    more = 1.0 if passes is None else passes.get((row, metric), 1.0)
                    stage = layer.stage(task, network_made, row, network_made.model, more)
                    places.append(Place(row, metric, seed, stage))
    return Plan(
        # What measures time comes when nothing else of this recipe is left.
        sorted(stages.values(), key=lambda stage: stage.timed),
        places,
        recipe.lineage,
        {metric: measure.kind for metric, measure in recipe.measures.items()},
        recipe.seeds,
    )


def _made_for(measure: AnyMeasure, base: str | None) -> AnyMeasure:
    """The measure for one network, which was pruned from the row `base`."""
    source = source_for(measure.source, base)
    if source is measure.source:
        return measure
    put: Any = {"source": source}  # only a measure with this option has a source that differs from row to row
    return replace(measure, **put)


def check(recipe: Recipe, splits: Splits, told: Callable[[str], Any]) -> None:
    """Ask every step, images and every measure whether it can be done with these images, before anything is trained.

    Args:
        recipe: what is asked for.
        splits: its images.
        told: `with told(path)` puts a path of the recipe before the words of an error.
    Raises:
        BlackthornError: what a step or a measure refuses.
    """
    for row, network in recipe.networks.items():
        for step in network.way:
            with told(f"networks.{row}"):
                step.check(splits)
    for name, images in recipe.images.items():
        with told(f"images.{name}"):
            images.check(splits)
    for metric, measure in recipe.measures.items():
        with told(f"measures.{metric}"):
            measure.check(splits)


def check_begun(recipe: Recipe, root: str, model: nn.Module, told: Callable[[str], Any]) -> None:
    """Ask the steps and the measures of all networks that come from one whether it has the layers that they name.

    What a step makes of a network may have other names, once it inserts gates; from there on nothing is asked.

    Args:
        recipe: what is asked for.
        root: the name of a network that begins anew.
        model: that network as it begins.
        told: `with told(path)` puts a path of the recipe before the words of an error.
    Raises:
        BlackthornError: what a step or a measure refuses.
    """
    names = _same_names(recipe, root)
    for row, count in names.items():
        for number, step in enumerate(recipe.networks[row].steps[:count]):
            with told(f"networks.{row}.steps.{number}"):
                step.check_network(model)
    for metric, measure in recipe.measures.items():
        if _measured(recipe, names, metric):
            with told(f"measures.{metric}"):
                measure.check_network(model)


def passes_of(recipe: Recipe, root: str, model: nn.Module, splits: Splits) -> dict[tuple[str, str], float]:
    """`Measure.passes` of the networks that come from one, by row and measure; arguments as those of `check_begun`."""
    example, names = torch.zeros(1, *splits.shape), _same_names(recipe, root)
    found: dict[tuple[str, str], float] = {}
    for metric, measure in recipe.measures.items():
        if rows := _measured(recipe, names, metric):
            found |= dict.fromkeys(((row, metric) for row in rows), measure.passes(model, example))
    return found


def _same_names(recipe: Recipe, root: str) -> dict[str, int]:
    """The networks that come from one, and after how many of their steps their layers have the names of its own."""
    found: dict[str, int] = {}
    for row, network in recipe.networks.items():
        begins = row == root and (network.begin is None or network.begin.gates != "inserts")
        if begins or (network.of in found and found[network.of] == len(recipe.networks[network.of].steps)):
            inserts = (number for number, step in enumerate(network.steps) if step.gates == "inserts")
            found[row] = next(inserts, len(network.steps))
    return found


def _measured(recipe: Recipe, names: Mapping[str, int], metric: str) -> list[str]:
    """The rows of a measure whose layers have the names that they began with."""
    networks = ((row, recipe.networks[row]) for row, count in names.items() if count == len(recipe.networks[row].steps))
    return [row for row, network in networks if network.show and network.wants(metric)]


@dataclass
class _Seed:
    """The stages of one seed."""

    seed: int
    splits: Splits
    resolve: Resolve
    code: CodeOf
    stages: dict[str, Stage]
    """By address, of all seeds: the same work is one stage."""
    finished: dict[str, Stage]
    """The last stage of each row, and that of the images of each name."""
    labels: dict[str, str] = field(default_factory=dict)
    """Label -> the address of the stage that has it."""

    def stage(self, task: Task, parent: Stage | None, row: str, model: Mapping[str, Any], passes: float = 1.0) -> Stage:
        """The stage of a task, with all that it needs; `passes` times the effort that the task says."""
        architecture = task.architecture or model
        identity: dict[str, Any] = {"stage": task.spelling(), "revision": task.revision}
        if parent is None:
            identity |= {
                "model": architecture,
                "code": self.code(architecture),
                "shape": list(self.splits.shape),
                "classes": self.splits.num_classes,
            }
        else:
            identity |= {"parent": parent.key}
        decided_by = task.decided_by()
        if "seed" in decided_by:
            identity |= {"seed": self.seed}
        if "images" in decided_by:
            identity |= {"data": self.splits.fingerprint}
        inputs: dict[str, tuple[Stage, ...]] = {}
        for need in task.needs():
            made = self._made(need, parent, row)
            inputs[need.role] = (*inputs.get(need.role, ()), made)
            identity[need.role] = [one.key for one in inputs[need.role]] if need.many else made.key
        precision: Chosen = "float32"
        first = task if parent is None else [*parent.lineage()][-1].value
        if task.precision == "auto" and first.module is None:  # of a module in memory the answer could not be kept
            precision = self.resolve(architecture, first.batch_size)
            identity |= {} if precision == "float32" else {"precision": precision}
        key = address(identity)
        stage = Stage(
            kind=task.kind,
            key=key,
            value=task,
            seed=self.seed,
            model=architecture,
            parent=parent,
            label=self._label(f"seed {self.seed} · {row} · {task.label()}", key),
            effort=_LEAST + passes * task.effort(self.splits),
            inputs=inputs,
            precision=precision,
        )
        return self.stages.setdefault(stage.key, stage)

    def _label(self, wanted: str, key: str) -> str:
        """A label that no other stage has: the second training of a network is numbered."""
        numbered = (f"{wanted} ({number})" for number in itertools.count(2))
        tries = itertools.chain([wanted], numbered)
        return next(label for label in tries if self.labels.setdefault(label, key) == key)

    def _made(self, need: Need, network: Stage | None, row: str) -> Stage:
        """The stage that makes what is needed by a task that works on `network`."""
        on, name = network, row
        if isinstance(need.on, Need):
            on = self._made(need.on, network, row)
            name = need.on.on if need.on.task is None and isinstance(need.on.on, str) else on.kind
        elif need.on is not None:
            on, name = self.finished[need.on], need.on
        assert on is not None  # only a task that works on a network needs something made on it
        return on if need.task is None else self.stage(need.task, on, name, on.model)
