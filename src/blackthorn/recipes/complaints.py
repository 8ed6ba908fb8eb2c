"""One line for what is wrong with a recipe: where it stands, what was read, and what to write instead."""

import difflib
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import did_you_mean
from ..values import ValidationError
from .kinds import fields, kind_of, standing_at
from .network import Network

_Path = list[str | int]


def one_line(error: ValidationError, raw: Any) -> str:
    """The nearest cause in a validation error about the recipe `raw`, and how many other complaints there are."""
    # A list whose entries are refused is called too short as well.
    found = [one for one in error.errors(include_url=False) if one["type"] != "too_short" or not one["input"]]
    problems = _causes(found)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return _sentence(problems[0], raw) + more


def _sentence(problem: Any, raw: Any) -> str:
    kind, read, about = problem["type"], problem.get("input"), problem.get("ctx", {})
    if problem["loc"] and problem["loc"][-1] == "[key]":
        return _about_a_name(problem, raw)
    path, parent = _locate(problem["loc"], raw)
    where = f"{'.'.join(map(str, path))}: " if path else ""
    if kind in _UNKNOWN:
        word = str(path[-1])
        owner = parent.get("kind") if isinstance(parent, dict) else None
        of = f"{owner} has no option" if owner else "there is no option"
        return f"{where}{of} '{word}'; {did_you_mean(word, _options(path[:-1], raw))}"
    if kind in _ABSENT:
        owner = next((kind_of(made) for made in standing_at(path[:-1], raw)), None)
        return f"{where}is missing; " + (f"{owner} needs '{path[-1]}'" if owner else f"write {path[-1]}: ...")
    if kind == "union_tag_invalid":
        known = [tag.strip().strip("'") for tag in about["expected_tags"].split(",")]
        return f"{where}there is no kind '{about['tag']}'; {did_you_mean(about['tag'], known)}"
    if kind in ("union_tag_not_found", "model_attributes_type"):
        example = _example(read, path, raw)
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


_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_ABSENT = ("missing", "missing_argument", "missing_keyword_only_argument")


def _causes(problems: Sequence[Any]) -> list[Any]:
    """What is written wrongly first, then the rest; what is missing only because its name is misspelt is left out."""
    unknown = [one for one in problems if one["type"] in _UNKNOWN]
    absent = {one["loc"]: one for one in problems if one["type"] in _ABSENT}
    for one in unknown:
        *inside, word = one["loc"]
        beside = {str(loc[-1]): loc for loc in absent if list(loc[:-1]) == inside}
        for meant in difflib.get_close_matches(str(word), beside, n=1):
            del absent[beside[meant]]
    others = [one for one in problems if one["type"] not in _UNKNOWN and one["type"] not in _ABSENT]
    return [*unknown, *others, *absent.values()]


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
    steps, tagged = list(loc), False
    for position, step in enumerate(steps):
        if isinstance(node, dict) and node.get("kind") == step and not tagged:
            tagged = True  # comes first, and may be the name of an option too: {kind: gate, gate: ...}
            continue
        inside = (isinstance(node, dict) and step in node) or (
            isinstance(node, list) and isinstance(step, int) and step < len(node)
        )
        if inside:
            parent, node, tagged = node, node[step], False
            path.append(step)
        elif position == len(steps) - 1 and isinstance(node, dict) and node.get("kind") != step:
            parent = node
            path.append(step)
    return path, parent


def _options(path: _Path, raw: Any) -> list[str]:
    """What may be written in the mapping at `path`."""
    known = dict.fromkeys(option for made in standing_at(path, raw) for option in fields(made))
    extra = ["for"] if Network in standing_at(path, raw) else []  # written out before the recipe is validated
    return [*known, *extra]


def _example(read: Any, path: _Path, raw: Any) -> str:
    """A kind that may stand at `path`: the one that seems to be meant, else the first."""
    known = [kind for made in standing_at(path, raw) if (kind := kind_of(made)) is not None]
    words = read if isinstance(read, list) else [read]
    return next((kind for kind in known if kind in words), known[0])


def _shown(read: Any) -> str:
    """As YAML writes it, and never long: a file of aliases can stand for gigabytes."""
    words = {None: "null", True: "true", False: "false"}
    if read is None or isinstance(read, bool):
        return words[read]
    return reprlib.repr(read)
