"""The JSON schema and the list: what editors and people are told is what recipes may say."""

import json
import re
from typing import Any, ClassVar, get_args

import pytest
import yaml
from rich.console import Console

from blackthorn import attacks, measuring, models, objectives, pruning, training
from blackthorn.claims import AnyRule, AnyStatement
from blackthorn.cli.commands import list_command, schema_command
from blackthorn.recipes.reading import published
from blackthorn.stages import Augmentation, Step

from .tiny import MISSING, PGD, PRUNE, TRAIN, tiny

jsonschema = pytest.importorskip("jsonschema")


def complaints(recipe: Any) -> list[str]:
    """What an editor would underline."""
    checker = jsonschema.Draft202012Validator(json.loads(schema_command()))
    return [error.json_path for error in checker.iter_errors(recipe)]


class Editor(yaml.SafeLoader):
    """Reads YAML 1.2, as editors do: `on` is a word, and no truth value."""

    yaml_implicit_resolvers: ClassVar[Any] = {
        first: [one for one in known if one[0] != "tag:yaml.org,2002:bool"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Editor.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


@pytest.mark.parametrize("name", published())
def test_published_recipes_fit_the_schema(name: str) -> None:
    from importlib import resources

    text = (resources.files("blackthorn.recipes") / "published" / f"{name}.yaml").read_text("utf-8")
    assert complaints(yaml.load(text, Editor)) == []


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ((*PGD, "eps"), "8/255"),
        ((*PGD, "eps"), "8 / 255"),
        ((*PGD, "eps"), 0.03),
        ((*PRUNE, "sparsity"), "98%"),
        ((*PRUNE, "sparsity"), "97.5%"),
        ((*TRAIN, "optimizer"), {"kind": "adam", "lr": "1e-3"}),
        (("data",), "digits"),
        (("data", "valid"), "10%"),
        (("data", "resize"), [28, 28]),
        (("model",), "package.module:factory"),
        (("model",), {"kind": "mlp", "hidden": [3]}),
        (("networks", "weight {rate}%"), {"for": {"rate": [50, 80]}, **tiny()["networks"]["weight 50%"]}),
        (("select",), {"small": {"rule": {"kind": "no_loss", "nat_tol": "0.1%"}, "from": "weight *", "than": "dense"}}),
    ],
)
def test_the_schema_knows_every_way_to_write_a_thing(path: tuple[Any, ...], to: Any) -> None:
    assert complaints(tiny(*path, to=to)) == []


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ((*PGD, "eps"), "big"),
        ((*PGD, "eps"), MISSING),
        ((*PGD, "kind"), "pdg"),
        ((*PGD, "norm"), "l3"),
        ((*PGD, "step_count"), 3),
        ((*TRAIN, "epochs"), 0),
        ((*TRAIN, "epochs"), "sixty"),
        ((*TRAIN, "batchsize"), 3),
        ((*PRUNE, "criterion"), "magnitude"),
        (("networks",), {}),
        (("title",), MISSING),
        (("seeds",), 3),
        (("network",), {}),
    ],
)
def test_the_schema_objects_to_common_mistakes(path: tuple[Any, ...], to: Any) -> None:
    assert complaints(tiny(*path, to=to)) != []


def listed() -> dict[str, set[str]]:
    """What -> names, as `blackthorn list` prints them."""
    table = list_command()
    whats, names = (list(column.cells) for column in table.columns[:2])
    found: dict[str, set[str]] = {}
    for what, name in zip(whats, names):
        found.setdefault(str(what), set()).add(str(name))
    return found


@pytest.mark.parametrize("home", [attacks, pruning, objectives, training, measuring])
def test_every_exported_kind_is_listed(home: Any) -> None:
    exported = [getattr(home, name) for name in home.__all__]
    kinds = {made.kind for made in exported if "kind" in getattr(made, "__pydantic_fields__", {})}
    assert kinds
    assert kinds <= set().union(*listed().values())


@pytest.mark.parametrize(
    ("what", "union"), [("step", Step), ("augment", Augmentation), ("statement", AnyStatement), ("rule", AnyRule)]
)
def test_every_kind_of_a_recipe_s_own_words_is_listed(what: str, union: Any) -> None:
    assert {made.kind for made in get_args(get_args(union)[0])} == listed()[what]


def test_models_and_recipes_are_listed() -> None:
    assert listed()["model"] == set(models.BUILDERS)
    assert listed()["recipe"] == set(published())


def test_everything_listed_says_in_words_what_it_is() -> None:
    words = [str(cell) for cell in list_command().columns[2].cells]
    assert [word for word in words if len(word) < 10] == []
    Console(width=80).print(list_command())
