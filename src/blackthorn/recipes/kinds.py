"""The schema of recipes as a tree that can be walked: which values may stand at a path, and where each kind may stand.

Lists of kinds, and hints in error messages, are read off the schema itself, so that nothing has to be kept in step.
"""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Union

from .schema import Recipe


def fields(made: Any) -> Mapping[str, Any]:
    """The options of a value class: the name by which a recipe writes each -> its field."""
    options: Mapping[str, Any] = getattr(made, "__pydantic_fields__", {})  # dict and int have none
    return {field.serialization_alias or name: field for name, field in options.items()}


def kind_of(made: Any) -> str | None:
    """The kind of a value class; None for one that has no kind."""
    field = fields(made).get("kind")
    return None if field is None else str(field.default)


def standing_at(path: Sequence[str | int], raw: Any) -> list[Any]:
    """The value classes that may stand at a path of a recipe as it was read, `raw`.

    Where several kinds may stand, the one that is written there; all of them, where none of them is written.
    """
    found, node = [Recipe], raw
    annotations: list[Any] = [Recipe]
    for step in path:
        annotations = [inner for outer in annotations for inner in _inside(outer, step)]
        node = _part(node, step)
        found = [made for one in annotations for made in _values(one)]
        written = node.get("kind") if isinstance(node, Mapping) else None
        of_kind = [made for made in found if kind_of(made) == written]
        if written is not None and of_kind:
            found = annotations = of_kind
    return found


@cache
def kinds() -> dict[str, list[Any]]:
    """Every value class that has a kind, in the order of the schema, by the option in which it stands first.

    Options that hold several are called by one of them: steps -> step.
    """
    found: dict[str, list[Any]] = {}
    for option, made in _walk(Recipe, set()):
        found.setdefault(option.removesuffix("s"), []).append(made)
    return found


def _walk(owner: Any, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    deeper = []
    for option, field in fields(owner).items():
        for made in _values(field.annotation):
            if made not in seen:
                seen.add(made)
                deeper.append(made)
                if kind_of(made) is not None:
                    yield option, made
    for made in deeper:
        yield from _walk(made, seen)


def _inside(annotation: Any, step: str | int) -> Iterator[Any]:
    """What may stand one step further in."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        yield from _inside(arguments[0], step)
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from _inside(argument, step)
    elif origin is dict:
        yield arguments[1]
    elif origin in (tuple, list) and isinstance(step, int):
        yield arguments[0]
    elif step in fields(annotation):
        yield fields(annotation)[str(step)].annotation


def _values(annotation: Any) -> list[Any]:
    """The value classes of an annotation, those of its entries if it is a list or a mapping."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    if arguments:
        return [made for argument in arguments for made in _values(argument)]
    return [annotation] if fields(annotation) else []


def _part(node: Any, step: str | int) -> Any:
    try:
        return node[step]
    except (KeyError, IndexError, TypeError):
        return None
