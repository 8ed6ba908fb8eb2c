"""One line for what is wrong with a recipe: where it stands, what was read, what to write instead."""

import inspect
import reprlib
from collections.abc import Iterable
from functools import cache
from typing import Any

from .. import attacks, data, measuring, objectives, pruning, training
from ..errors import did_you_mean
from ..values import ValidationError

_Path = list[str | int]


def one_line(error: ValidationError, raw: Any) -> str:
    """The first complaint of a validation error about the recipe `raw`, and how many more there are."""
    # A list whose entries are refused is called too short as well.
    problems = [one for one in error.errors(include_url=False) if one["type"] != "too_short" or not one["input"]]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return _sentence(problems[0], raw) + more


def _sentence(problem: Any, raw: Any) -> str:
    kind, read, about = problem["type"], problem.get("input"), problem.get("ctx", {})
    if problem["loc"] and problem["loc"][-1] == "[key]":
        return _about_a_name(problem, raw)
    path, parent = _locate(problem["loc"], raw)
    where = f"{'.'.join(map(str, path))}: " if path else ""
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        word = str(path[-1])
        owner = parent.get("kind") if isinstance(parent, dict) else None
        of = f"{owner} has no option" if owner else "there is no option"
        return f"{where}{of} '{word}'; {did_you_mean(word, _options(parent, path[:-1]))}"
    if kind in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return f"{where}is missing; {_wanted(parent, path)}"
    if kind == "union_tag_invalid":
        known = [tag.strip().strip("'") for tag in about["expected_tags"].split(",")]
        return f"{where}there is no kind '{about['tag']}'; {did_you_mean(about['tag'], known)}"
    if kind in ("union_tag_not_found", "model_attributes_type"):
        example = read if isinstance(read, str) and read in _values() else _kinds_near(path)
        return f"{where}a mapping with a 'kind' is wanted, such as {{kind: {example}, ...}}; got {_shown(read)}"
    if kind == "value_error":
        simple = read is None or isinstance(read, (str, int, float))
        return f"{where}{about['error']}" + (f"; got {_shown(read)}" if simple else "")
    if kind == "too_short":
        return f"{where}is empty; at least one entry is wanted"
    if kind in _LIMITS:
        return f"{where}must be {_LIMITS[kind]} {next(iter(about.values()))}; got {_shown(read)}"
    wanted = _PLAIN.get(kind, problem["msg"].removeprefix("Input should be "))
    return f"{where}must be {wanted}; got {_shown(read)}"


def _about_a_name(problem: Any, raw: Any) -> str:
    """A key of a mapping of names; YAML reads some of them as something else than text: 0.1, yes, null."""
    read = problem["input"]
    path, _ = _locate(problem["loc"][:-2], raw)
    where = ".".join(map(str, path))
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}; got {_shown(read)}"
    return f"{where}: names are text; got {_shown(read)}; write it in quotes: '{_shown(read)}'"


_LIMITS = {
    "greater_than_equal": "at least",
    "greater_than": "more than",
    "less_than_equal": "at most",
    "less_than": "less than",
}

_PLAIN = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number, such as 0.3, 8/255 or 98%",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "dataclass_type": "a mapping of options",
}


def _locate(loc: Iterable[str | int], raw: Any) -> tuple[_Path, Any]:
    """The path as written in the file, without the tags that validation adds, and the mapping around its end."""
    path: _Path = []
    node, parent = raw, raw
    steps = list(loc)
    for position, step in enumerate(steps):
        inside = (isinstance(node, dict) and step in node) or (
            isinstance(node, list) and isinstance(step, int) and step < len(node)
        )
        if inside:
            parent, node = node, node[step]
            path.append(step)
        elif position == len(steps) - 1 and isinstance(node, dict) and node.get("kind") != step:
            parent = node
            path.append(step)
    return path, parent


@cache
def _values() -> dict[str, type]:
    from .. import claims
    from . import schema

    found = {}
    for module in (attacks, data, measuring, objectives, pruning, training, schema, claims):
        for _, made in inspect.getmembers(module, inspect.isclass):
            fields = getattr(made, "__pydantic_fields__", {})
            if "kind" in fields:
                found[str(fields["kind"].default)] = made
    return found


def _options(parent: Any, path: _Path) -> list[str]:
    """What may be written in the mapping at `path`."""
    from .. import claims
    from . import schema

    if isinstance(parent, dict) and parent.get("kind") in _values():
        made: Any = _values()[parent["kind"]]
    elif path and path[-1] == "early_stopping":
        made = training.EarlyStopping
    elif "also" in path:
        made = pruning.Pruning
    else:
        made = {
            "data": schema.Data,
            "published": schema.Published,
            "networks": schema.Network,
            "select": claims.Selection,
        }.get(str(path[0]) if path else "", schema.Recipe)
    extra = ["for"] if made is schema.Network else []
    return [*(field.serialization_alias or name for name, field in made.__pydantic_fields__.items()), *extra]


def _wanted(parent: Any, path: _Path) -> str:
    owner = parent.get("kind") if isinstance(parent, dict) else None
    return f"{owner} needs '{path[-1]}'" if owner in _values() else f"write {path[-1]}: ..."


def _kinds_near(path: _Path) -> str:
    words = [str(step) for step in path if isinstance(step, str)] or [""]
    examples = {
        "attack": "pgd",
        "augment": "flip",
        "objective": "cross_entropy",
        "optimizer": "adam",
        "schedule": "cosine",
        "criterion": "magnitude",
        "source": "substitute",
        "statements": "keeps",
        "rule": "high_compression",
    }
    return examples.get(words[-1], "accuracy" if words[0] == "measures" else "train")


def _shown(read: Any) -> str:
    """As YAML writes it, and never long: a file of aliases can stand for gigabytes."""
    words = {None: "null", True: "true", False: "false"}
    if read is None or isinstance(read, bool):
        return words[read]
    return reprlib.repr(read)
