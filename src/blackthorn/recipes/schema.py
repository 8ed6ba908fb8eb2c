"""What a recipe may say. A recipe is data: one YAML file with the words of the library, validated whole before
anything runs.

networks:                     # rows of the table
  dense:                      # steps are done in order, each on the network the one before left
    steps: [{kind: train, epochs: 10}]
  weight 98%:
    of: dense
    steps:
      - {kind: prune, criterion: {kind: magnitude}, scope: global, sparsity: 98%}
      - {kind: train, epochs: 10}
measures:                     # columns of the table
  natural: {kind: accuracy}
  fgsm 0.1: {kind: accuracy, attack: {kind: fgsm, eps: 0.1}}
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ..attacks import Precision
from ..claims import AnyStatement, Percent, Selection
from ..data import Crop, Flip
from ..errors import did_you_mean
from ..measuring import AnyMeasure
from ..objectives import AnyObjective, CrossEntropy
from ..pruning import Pruning
from ..training import Adam, AnyOptimizer, AnySchedule, Constant, EarlyStopping, Substitute
from ..values import Count, Number, value, whole

Augmentation = Annotated[Crop | Flip, Field(discriminator="kind")]


def _named(key: str) -> BeforeValidator:
    """Let a mapping with one essential entry be written as that entry alone: `data: mnist`."""
    return BeforeValidator(lambda read: {key: read} if isinstance(read, str) else read)


def _one_line(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise ValueError("a name is a line of text")
    return name


def _file_name(name: str) -> str:
    if not re.fullmatch(r"\w[\w.+ -]{0,99}", name) or name == "full":
        raise ValueError(
            "a preset's name becomes that of a folder: letters, digits, '-' and '_'; full is the recipe itself"
        )
    return name


def _size(read: object) -> object:
    sides = read if isinstance(read, (list, tuple)) else [read, read]
    if read is not None and not (len(sides) == 2 and all(type(side) is int and side > 0 for side in sides)):
        raise ValueError(f"a number of pixels is wanted, such as 28, or [height, width]; got {read}")
    return read


def _count_or_share(number: float) -> float | int:
    return int(number) if number >= 1 and number.is_integer() else number


Name = Annotated[str, AfterValidator(_one_line)]
Seed = Annotated[int, Field(ge=0, lt=2**32), BeforeValidator(whole)]


@value
class Data:
    """Which images: the options of `blackthorn.load_data`."""

    source: str
    """digits, a folder, a folder under the data root, or a Hugging Face hub id."""
    resize: Annotated[int | tuple[int, int] | None, BeforeValidator(_size)] = None
    """Bring images to this size: pixels, or [height, width]."""
    mode: Literal["L", "RGB"] | None = None
    """Convert images to grey (L) or colour (RGB)."""
    valid: Annotated[Number, AfterValidator(_count_or_share)] | None = None
    """Validation images taken from the training images: a number, or a fraction below 1; 0 for none."""
    train: Count | None = None
    """Use at most so many training images."""
    test: Count | None = None
    """Use at most so many test images."""


@value
class Train:
    """Train, or fine-tune; pruned weights stay zero."""

    kind: Literal["train"] = "train"
    epochs: Count
    objective: AnyObjective = CrossEntropy()
    optimizer: AnyOptimizer = Adam()
    schedule: AnySchedule = Constant()
    batch_size: Count = 128
    augment: tuple[Augmentation, ...] = ()
    """Applied in order, such as [{kind: crop, pad: 4}, {kind: flip}]."""
    early_stopping: EarlyStopping | None = None
    """Keep the weights of the epoch that did best on the validation images."""
    precision: Precision = "auto"
    """Arithmetic of forward and backward passes; auto takes bf16 where it is measured to be faster."""
    stop_at_chance: bool = True
    """Stop with a message when training accuracy stays at that of guessing."""


@value
class Prune(Pruning):
    """Set the least important weights or filters to zero."""

    kind: Literal["prune"] = "prune"
    also: tuple[Pruning, ...] = ()
    """Other prunings, scored on the same network: what any of them removes goes."""


@value
class Shrink:
    """Cut removed filters out, and prove that the smaller network computes the same."""

    kind: Literal["shrink"] = "shrink"


@value
class Decouple:
    """Turn convolutions into sparse matrices, whose single connections a later prune removes; the logits stay."""

    kind: Literal["decouple"] = "decouple"
    layers: tuple[str, ...] = ()
    """Decouple these convolutions only, by name or pattern: [conv2, "features.*"]; by default all."""


Step = Annotated[Train | Prune | Shrink | Decouple, Field(discriminator="kind")]


@value
class Network:
    """A row: a network and how it comes to be."""

    of: str | None = None
    """The network to go on from; by default a new one."""
    model: Annotated[dict[str, Any] | None, _named("kind")] = None
    """Another architecture than the recipe's, for a network that starts anew."""
    steps: tuple[Step, ...] = Field(min_length=1)
    show: bool = True
    """Whether it is measured and shown as a row."""
    measures: tuple[str, ...] = ()
    """Only these measures, by name or pattern: [natural, "noise *"]; by default all."""

    def wants(self, metric: str) -> bool:
        """Whether it is measured under this name."""
        return not self.measures or any(fnmatchcase(metric, pattern) for pattern in self.measures)


@value
class Published:
    """A paper's numbers, shown beside ours."""

    source: str
    """Such as: Wang et al. 2018, Table 1."""
    values: dict[Name, dict[Name, Percent]]
    """Row, then measure, then percent as printed."""


@value
class Recipe:
    """An experiment, whole."""

    title: str
    about: str = ""
    """A paragraph for the report: what is done and how to read it."""
    data: Annotated[Data, _named("source")]
    model: Annotated[dict[str, Any], _named("kind")]
    """A built-in network, package.module:factory, or either as `kind` with options."""
    seeds: tuple[Seed, ...] = (0,)
    networks: dict[Name, Network] = Field(min_length=1)
    measures: dict[Name, AnyMeasure] = Field(min_length=1)
    published: Published | None = None
    statements: tuple[AnyStatement, ...] = ()
    select: dict[Name, Selection] = Field(default_factory=dict)
    """Networks picked from sweeps, by name: decided from what is measured whenever a report is drawn."""
    presets: dict[Annotated[str, AfterValidator(_file_name)], dict[str, Any]] = Field(default_factory=dict)
    """Shorter runs: for each, the paths to change, such as networks.*.steps.train.epochs: 1."""

    def __post_init__(self) -> None:
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            raise ValueError(f"seeds: different whole numbers are wanted; got {list(self.seeds)}")
        self._check_networks()
        if not self.rows:
            raise ValueError("networks: each has show: false, so nothing would be measured; leave it out of one")
        self._check_sources()
        self._check_columns()
        for statement in self.statements:
            where = f"statements: '{statement.text}'"
            try:
                places = statement.places(self.rates)
            except ValueError as problem:  # of a sweep's pattern
                raise ValueError(f"{where}: {problem}") from None
            rows, metrics = [row for row, _ in places], [metric for _, metric in places]
            self._check_places(f"{where} names", rows, metrics, statement.record.measure)
            self._check_measured(where, places)
        for name, selection in self.select.items():
            try:
                places = selection.places(self.rates)
            except ValueError as problem:
                raise ValueError(f"select.{name}: {problem}") from None
            self._check_places(f"select.{name} names", [selection.than], list(selection.tolerances))
            self._check_measured(f"select.{name}", places)
        for row, numbers in (self.published.values if self.published else {}).items():
            self._check_places("published.values names", [row], list(numbers))

    def _check_networks(self) -> None:
        pruned: dict[str, bool] = {}
        for name, network in self.networks.items():
            before = pruned.get(network.of or "")
            if network.of is not None and before is None:
                later = network.of in self.networks and network.of != name
                hint = "it comes later; move it up" if later else did_you_mean(network.of, pruned)
                hint = hint if pruned or later else "this is the first; leave 'of' out"
                raise ValueError(f"networks.{name}.of: there is no network '{network.of}' before it; {hint}")
            if network.of is not None and network.model is not None:
                raise ValueError(
                    f"networks.{name}: 'of' goes on from a network, 'model' starts a new one; write one of them"
                )
            if network.of is None and network.steps[0].kind != "train":
                raise ValueError(
                    f"networks.{name}: a new network starts with a train step, not "
                    f"{network.steps[0].kind}; write of: NETWORK to go on from one"
                )
            for number, step in enumerate(network.steps):
                if step.kind == "shrink" and not before:
                    raise ValueError(
                        f"networks.{name}.steps.{number}: nothing is pruned before this shrink; add a prune"
                    )
                before = step.kind == "prune" or (before and step.kind != "shrink")
            pruned[name] = bool(before)

    def _check_sources(self) -> None:
        for name, measure in self.measures.items():
            source = getattr(measure, "source", None)
            key = "of" if isinstance(source, Substitute) else "name"
            row = None if source is None else getattr(source, key)
            if row is not None and row not in self.networks:
                where = f"measures.{name}.source.{key}"
                raise ValueError(f"{where}: there is no network '{row}'; {did_you_mean(row, self.networks)}")

    def _check_columns(self) -> None:
        for name, network in self.networks.items():
            for pattern in network.measures:
                if not any(fnmatchcase(metric, pattern) for metric in self.measures):
                    raise ValueError(
                        f"networks.{name}.measures: no measure fits '{pattern}'; {did_you_mean(pattern, self.measures)}"
                    )

    def _check_places(self, where: str, rows: Sequence[str], metrics: Sequence[str], kind: str = "accuracy") -> None:
        """Rows that are shown, and measures of that kind."""
        measures = [name for name, measure in self.measures.items() if measure.kind == kind]
        for what, names, known in (("row", rows, self.rows), (kind.replace("_", " "), metrics, measures)):
            for name in names:
                if name not in known:
                    raise ValueError(f"{where} the {what} '{name}'; {did_you_mean(name, known)}")

    def _check_measured(self, where: str, places: Sequence[tuple[str, str]]) -> None:
        """Rows for which these measures are not left out."""
        for row, metric in places:
            if not self.networks[row].wants(metric):
                raise ValueError(f"{where} names '{metric}' of '{row}', which networks.{row}.measures leaves out")

    @property
    def rows(self) -> list[str]:
        """The networks that are measured, in order."""
        return [name for name, network in self.networks.items() if network.show]

    @property
    def rates(self) -> dict[str, float]:
        """The fraction that was to be removed from each row, by the last prune step on its way; 0 for none."""
        found: dict[str, float] = {}
        for name, network in self.networks.items():
            asked = [step.sparsity for step in network.steps if isinstance(step, Prune)]
            found[name] = asked[-1] if asked else found.get(network.of or "", 0.0)
        return {row: found[row] for row in self.rows}
