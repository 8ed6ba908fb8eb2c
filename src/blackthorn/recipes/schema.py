"""What a recipe may say. A recipe is data: one YAML file with the words of the library, validated as a whole before
anything runs.

networks:                     # rows of the table
  dense:                      # steps are done in order, each on the network that the step before left
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

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ..claims import AnyStatement, Selection
from ..measuring import AnyMeasure
from ..results import Row
from ..stages import AnyImages
from ..values import NonNegative, value, whole
from . import lineage
from .checks import check_claims, check_images, check_measures, check_networks, check_published
from .data import Data
from .describing import described
from .network import Name, Network, named


def _file_name(name: str) -> str:
    if not re.fullmatch(r"\w[\w.+ -]{0,99}", name) or name == "full":
        raise ValueError(
            "a preset's name becomes that of a folder: letters, digits, '-' and '_'; full is the recipe itself"
        )
    return name


def _without_sign(read: object) -> object:
    return read.strip().removesuffix("%") if isinstance(read, str) else read


Printed = Annotated[NonNegative, BeforeValidator(_without_sign)]
"""A number as a paper prints it: 99.1, which may also be written 99.1%."""
Seed = Annotated[int, Field(ge=0, lt=2**32), BeforeValidator(whole)]


@value
class Published:
    """A paper's numbers, shown beside ours."""

    source: str
    """Such as: Wang et al. 2018, Table 1."""
    values: dict[Name, dict[Name, Printed]]
    """Row, then measure, then the number as printed: accuracies in percent, others in their own unit."""


@value
class Recipe:
    """An experiment, whole."""

    title: str
    about: str = ""
    """A paragraph for the report: what is done and how to read it."""
    data: Annotated[Data, named("source")]
    model: Annotated[dict[str, Any], named("kind")]
    """A built-in network, package.module:factory, or either as `kind` with options."""
    seeds: tuple[Seed, ...] = (0,)
    networks: dict[Name, Network] = Field(min_length=1)
    images: dict[Name, AnyImages] = Field(default_factory=dict)
    """Images made on networks, for other networks to train on, by name."""
    measures: dict[Name, AnyMeasure] = Field(min_length=1)
    published: Published | None = None
    statements: tuple[AnyStatement, ...] = ()
    select: dict[Name, Selection] = Field(default_factory=dict)
    """Networks picked from sweeps, by name: decided from what is measured whenever a report is drawn."""
    left_out: tuple[str, ...] = ()
    """Statements and selections that a shorter sweep left out, since they name its lost rows; reading fills it in."""
    presets: dict[Annotated[str, AfterValidator(_file_name)], dict[str, Any]] = Field(default_factory=dict)
    """Shorter runs: for each, the paths to change, such as networks.*.steps.train.epochs: 1."""

    def __post_init__(self) -> None:
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            raise ValueError(f"seeds: different whole numbers are wanted; got {list(self.seeds)}")
        check_networks(self.networks)
        check_images(self.images, self.networks)
        check_measures(self.measures, self.networks)
        check_claims(self.statements, self.select, self.networks, self.measures)
        if self.published is not None:
            check_published(self.published.values, self.networks, self.measures)

    @property
    def rows(self) -> list[str]:
        """The networks that are measured, in order."""
        return [name for name, network in self.networks.items() if network.show]

    @property
    def lineage(self) -> list[Row]:
        """The rows, each with the row that it was pruned from, its rate and its family."""
        return lineage.lineage(self.networks)

    @property
    def rates(self) -> dict[str, float]:
        """The fraction that is to be removed from each row, by the last pruning on its way; 0 where nothing is."""
        return {row.name: row.requested for row in self.lineage}

    def model_of(self, name: str) -> dict[str, Any]:
        """The architecture that a network starts from."""
        network = self.networks[name]
        if network.of is not None:
            return self.model_of(network.of)
        return dict((network.begin and network.begin.architecture) or network.model or self.model)


def json_schema() -> str:
    """The JSON schema of a recipe file, with the short forms that reading writes out."""
    made = described(Recipe)
    network = made["$defs"]["Network"]["properties"]
    network["for"] = {
        "type": "object",
        "additionalProperties": {"type": "array"},
        "description": "Lists of values for {names} in this network's name and options: one network "
        "for each combination.",
    }
    name = "a name, or package.module:factory"
    for options, key, short in (
        (made["properties"], "data", "a name or folder"),
        (made["properties"], "model", name),
        (network, "model", name),
    ):
        options[key] = {"anyOf": [{"type": "string", "description": short}, options[key]]}
    for one in made["$defs"].values():
        for key, option in one.get("properties", {}).items():
            if "enum" in option:  # a word may be one of a sweep's
                one["properties"][key] = {"anyOf": [option, {"type": "string", "pattern": r"^\{\w+\}$"}]}
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **made}, indent=1)
