"""What a person wrote and a recipe names, `kind: my_module:Name` with options: an attack or a criterion, as models are.

It is kept as the recipe says it. Its code is looked up, never imported, for reading a recipe and for drawing a report,
and imported when it is first used. A hash of its file is part of every address, as that of a factory is.
"""

import functools
import hashlib
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from ..errors import ModelError
from ..values import Number, ValidationError, parse
from .foreign import file_of, found, named


@dataclass(frozen=True)
class Own:
    """Something of a person's own; whatever is asked of it that is not said here is asked of the thing itself."""

    kind: str
    """package.module:name, of a class, which gets the options, or of a function."""
    options: Mapping[str, Any] = field(default_factory=dict)
    what: ClassVar[str] = "thing"
    """What errors call it."""

    @functools.cached_property
    def made(self) -> Any:
        """The thing itself; its module is imported.

        Raises:
            ModelError: there is none, or it cannot be made with these options.
        """
        thing = found(self.kind)
        try:
            if inspect.isclass(thing):
                return self.adapted(thing(**self.options))
            return self.adapted(functools.partial(thing, **self.options) if self.options else thing)
        except ModelError:
            raise
        except (Exception, SystemExit) as error:
            raise ModelError(f"{self.kind} cannot be made: {named(error)}") from None

    def adapted(self, thing: Any) -> Any:
        """The thing, in the form in which it is used; ModelError where it is no such thing."""
        return thing

    def spelling(self) -> dict[str, Any]:
        """What the recipe says, and a hash of the file that the code is in."""
        file = file_of(self.kind)
        code = hashlib.sha256(file.read_bytes() if file is not None and file.is_file() else b"").hexdigest()[:12]
        return {"kind": self.kind, **self.options, "code": code}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copying and pickling look for
            raise AttributeError(name)
        return getattr(self.made, name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.made(*args, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, dict(self.options))


def _said(option: Any) -> Any:
    """An option as a recipe means it: 8/255, 98% and 1e-4 are numbers."""
    if isinstance(option, str):
        with suppress(ValidationError):
            return parse(Number, option)
    return option


@dataclass(frozen=True)
class OrOwn:
    """In an annotation: the kinds of a union, or a person's own; from Python also the thing itself."""

    own: type[Own]
    adapt: Callable[[Any], Any]
    """What makes a person's callable what is used."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def read(given: Any, known: Callable[[Any], Any]) -> Any:
            if isinstance(given, self.own):
                return given
            if inspect.isclass(given):
                raise ValueError(f"{given.__name__} is a class; write {given.__name__}(...)")
            if isinstance(given, Mapping):
                kind = given.get("kind")
                if isinstance(kind, str) and ":" in kind:
                    return self.own(
                        kind.strip(), {str(key): _said(held) for key, held in given.items() if key != "kind"}
                    )
                return known(given)
            if callable(given) and not hasattr(given, "__pydantic_fields__"):
                return self.adapt(given)
            try:
                return known(given)
            except ValueError:
                if callable(given):  # a value of a person's own kind
                    return self.adapt(given)
                raise

        def plain(held: Any, known: Callable[[Any], Any]) -> Any:
            return {"kind": held.kind, **held.options} if isinstance(held, self.own) else known(held)

        return core_schema.no_info_wrap_validator_function(
            read, handler(source), serialization=core_schema.wrap_serializer_function_ser_schema(plain)
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        own = {
            "type": "object",
            "properties": {"kind": {"type": "string", "pattern": r"^[\w.]+:[\w.]+$"}},
            "required": ["kind"],
            "description": f"A {self.own.what} of your own, package.module:name, with its options.",
        }
        return {"anyOf": [handler(schema), own]}
