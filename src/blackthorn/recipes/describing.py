"""What values say about their options, for JSON schemas: the docstring below each.

It is read from the source when a schema is asked for. pydantic would read it whenever a class is made, which takes a
third of the time in which the command line starts.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue


def described(made: Any) -> dict[str, Any]:
    """The JSON schema of a value class, or a union of them, with the docstrings of all options."""
    return TypeAdapter(made).json_schema(schema_generator=_Described)


def said_of(cls: type) -> dict[str, str]:
    """Option -> its docstring; what a class says comes before what its parents say."""
    found: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        found |= _written_in(one)
    return found


class _Described(GenerateJsonSchema):
    """pydantic's schema, with descriptions."""

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        """That of one value class."""
        made = super().dataclass_schema(schema)
        fields = schema["cls"].__pydantic_fields__
        for name, words in said_of(schema["cls"]).items():
            written = fields[name].serialization_alias or name if name in fields else name
            if written in made.get("properties", {}):
                made["properties"][written].setdefault("description", words)
        return made


def _written_in(cls: type) -> dict[str, str]:
    """The docstrings in the body of one class; none where its source is not there."""
    return _in_module(cls.__module__).get(cls.__qualname__, {})


@cache
def _in_module(name: str) -> dict[str, dict[str, str]]:
    """Class -> option -> docstring, of a module that is loaded; parsed once."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (KeyError, OSError, TypeError):  # written in C, or typed in
        return {}
    return dict(_in_body(tree.body, ""))


def _in_body(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name, _below_options(node.body)
            yield from _in_body(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield from _in_body(node.body, f"{prefix}{node.name}.<locals>.")


def _below_options(body: Sequence[ast.stmt]) -> dict[str, str]:
    found = {}
    for option, below in pairwise(body):
        said = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and below.value.value
        if isinstance(option, ast.AnnAssign) and isinstance(option.target, ast.Name) and isinstance(said, str):
            found[option.target.id] = inspect.cleandoc(said)
    return found
