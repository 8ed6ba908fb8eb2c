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

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ..attacks import Precision
from ..data import Crop, Flip
from ..measuring import AnyMeasure
from ..objectives import AnyObjective, CrossEntropy
from ..pruning import AnyCriterion
from ..training import Adam, AnyOptimizer, AnySchedule, Constant, EarlyStopping
from ..values import Count, Number, Rate, Whole, value
from .statements import AnyStatement

Augmentation = Annotated[Crop | Flip, Field(discriminator="kind")]


def _named(key: str) -> BeforeValidator:
    """Let a mapping with one essential entry be written as that entry alone: `data: mnist`."""
    return BeforeValidator(lambda read: {key: read} if isinstance(read, str) else read)


@value
class Data:
    """Which images: the options of `blackthorn.load_data`."""

    source: str
    """digits, a folder, a folder under the data root, or a Hugging Face hub id."""
    resize: Count | tuple[Count, Count] | None = None
    """Bring images to this size: pixels, or [height, width]."""
    mode: Literal["L", "RGB"] | None = None
    """Convert images to grey (L) or colour (RGB)."""
    valid: Whole | Number | None = None
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
class Prune:
    """Set the least important weights or filters to zero."""

    kind: Literal["prune"] = "prune"
    criterion: AnyCriterion
    sparsity: Rate
    """Fraction to remove: 0.98 or 98%."""
    scope: Literal["global", "per_layer"] = "global"
    """Rank all layers together, or remove the same fraction in each."""
    budget: Literal["filters", "params"] = "filters"
    """What the fraction of a filter criterion counts: filters, or the weights that vanish with them."""
    floor: Whole = 1
    """Filters to leave in every layer; 0 allows a layer to be emptied."""
    coupled: bool = False
    """Rank filters that an addition ties together as one, so that residual channels can be cut out too."""


@value
class Shrink:
    """Cut removed filters out, and prove that the smaller network computes the same."""

    kind: Literal["shrink"] = "shrink"


Step = Annotated[Train | Prune | Shrink, Field(discriminator="kind")]


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


@value
class Published:
    """A paper's numbers, shown beside ours."""

    source: str
    """Such as: Wang et al. 2018, Table 1."""
    values: dict[str, dict[str, Number]]
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
    seeds: tuple[Whole, ...] = (0,)
    networks: dict[str, Network] = Field(min_length=1)
    measures: dict[str, AnyMeasure] = Field(min_length=1)
    published: Published | None = None
    statements: tuple[AnyStatement, ...] = ()
    presets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Shorter runs: for each, the paths to change, such as networks.*.steps.train.epochs: 1."""

    def __post_init__(self) -> None:
        known: list[str] = []
        for name, network in self.networks.items():
            if network.of is not None and network.of not in known:
                later = "it comes later; move it up" if network.of in self.networks else _closest(network.of, known)
                raise ValueError(f"networks.{name}.of: there is no network '{network.of}' before it; {later}")
            if network.of is not None and network.model is not None:
                raise ValueError(
                    f"networks.{name}: 'of' goes on from a network, 'model' starts a new one; write one of them"
                )
            if network.of is None and network.steps[0].kind != "train":
                raise ValueError(
                    f"networks.{name}: a new network starts with a train step, not "
                    f"{network.steps[0].kind}; write of: NETWORK to go on from one"
                )
            known.append(name)
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            raise ValueError(f"seeds: different whole numbers are wanted; got {list(self.seeds)}")
        for statement in self.statements:
            for row in statement.rows_named():
                if row not in self.networks or not self.networks[row].show:
                    raise ValueError(
                        f"statements: '{statement.text}' names the row '{row}'; {_closest(row, self.rows)}"
                    )
            for metric in statement.metrics:
                if metric not in self.measures:
                    raise ValueError(
                        f"statements: '{statement.text}' names the measure '{metric}'; "
                        f"{_closest(metric, list(self.measures))}"
                    )

    @property
    def rows(self) -> list[str]:
        """The networks that are measured, in order."""
        return [name for name, network in self.networks.items() if network.show]


def _closest(word: str, known: list[str]) -> str:
    from ..errors import did_you_mean

    return did_you_mean(word, known) if known else "it is the first"
