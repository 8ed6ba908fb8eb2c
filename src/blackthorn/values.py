"""Frozen, validated, printable values: the one form of everything that can be configured.

A value is a pydantic dataclass: keyword-only, immutable, comparable, with a `kind` that names it in a recipe. The
recipe schema is the union of these classes; there is no second description of their options anywhere.

    @value
    class FGSM:
        kind: Literal["fgsm"] = "fgsm"
        eps: Radius

This module imports no torch, so that the command line can speak before torch is loaded.
"""

import hashlib
import json
import re
from fractions import Fraction
from typing import Annotated, Any, TypeVar, dataclass_transform

import pydantic
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, WithJsonSchema
from pydantic.dataclasses import dataclass

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def value(cls: type[T]) -> type[T]:
    """Make a class a value: frozen, keyword-only, validated on construction, unknown options refused."""
    config = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)
    made = dataclass(frozen=True, kw_only=True, repr=False, config=config)(cls)
    if "__repr__" not in cls.__dict__:
        made.__repr__ = _repr  # type: ignore[method-assign]  # shared by every value
    return made  # type: ignore[return-value]  # pydantic types the decorated class as its own


def _repr(self: Any) -> str:
    options = ", ".join(f"{name}={held!r}" for name, held in _set_options(self) if name != "kind")
    return f"{type(self).__name__}({options})"


def _set_options(thing: Any) -> list[tuple[str, Any]]:
    """The options that say something: `kind`, the required ones, and those that differ from their default."""
    return [
        (name, getattr(thing, name))
        for name, field in type(thing).__pydantic_fields__.items()
        if name == "kind" or field.is_required() or getattr(thing, name) != field.get_default(call_default_factory=True)
    ]


class Aside:
    """Marks an option that decides nothing of what comes out: it is part of no spelling, and so of no address.

    resources: Annotated[Resources | None, Aside] = None
    """


def _number(read: object) -> object:
    """Accept what people write in YAML: 8/255, 98%, 1e-4 (which YAML reads as text)."""
    if isinstance(read, bool):
        raise ValueError("a number is wanted, such as 0.3, 8/255 or 98%")
    if isinstance(read, str):
        text = read.strip()
        if len(text) > 100 or re.search(r"[eE][-+]?\d{4}", text):  # computed exactly, 1e99999999 takes for ever
            raise ValueError("a number is wanted, such as 0.3, 8/255 or 98%")
        try:
            if text.endswith("%"):
                return float(Fraction(text[:-1].strip()) / 100)
            return float(Fraction(text.replace(" ", "")))
        except (ValueError, ArithmeticError):  # no number, 1/0, 1e999
            raise ValueError("a number is wanted, such as 0.3, 8/255 or 98%") from None
    return read


def whole(read: object) -> object:
    """Refuse 1.5 and true where a whole number is wanted; a validator to put before `int`."""
    if isinstance(read, bool) or (isinstance(read, float) and not read.is_integer()):
        raise ValueError("a whole number is wanted")
    return read


def _radius(eps: float) -> float:
    if eps < 0:
        raise ValueError("a radius cannot be negative")
    return eps


def _rate(rate: float) -> float:
    if not 0 <= rate <= 1:
        hint = f"; write {rate:g}% or {rate / 100:g}" if 2 <= rate <= 100 else ""
        raise ValueError(f"a fraction in [0, 1] is wanted{hint}")
    return rate


_WRITTEN = r"^([-+0-9.eE]|\{\w+\})+\s*(/\s*([0-9.]|\{\w+\})+|%)?$"  # 8/255, 98%, 1e-4, or {rate}% of a sweep
_NUMBER_SCHEMA = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": _WRITTEN}]}

Number = Annotated[float, BeforeValidator(_number), WithJsonSchema(_NUMBER_SCHEMA)]
"""A float that may be written 8/255, 98% or 1e-4."""
Whole = Annotated[int, BeforeValidator(whole)]
Count = Annotated[int, Field(ge=1), BeforeValidator(whole)]
"""A whole number of at least 1."""
Radius = Annotated[Number, AfterValidator(_radius)]
"""A radius in pixels of [0, 1]; each attack checks it against its norm with `check_radius`."""
Rate = Annotated[Number, AfterValidator(_rate)]
"""A fraction in [0, 1], which may be written as a percentage."""
Positive = Annotated[Number, Field(gt=0)]
NonNegative = Annotated[Number, Field(ge=0)]


def check_radius(eps: float, norm: str = "linf") -> None:
    """Refuse a linf radius above 1, which is nearly always one in units of 0 to 255.

    Raises:
        ValueError: the radius is larger than the whole pixel range.
    """
    if norm == "linf" and eps > 1:
        raise ValueError(
            f"eps = {eps:g} is larger than the whole pixel range; radii are in pixels of [0, 1]: write {eps:g}/255"
        )


def spell(thing: Any) -> Any:
    """The JSON spelling of a value with its defaults left out and its `kind` kept; the inverse of `parse`.

    Leaving defaults out means that a new option with a neutral default changes no address of stored work. What is
    marked `Aside` is left out whatever it is.
    """
    if not hasattr(thing, "__pydantic_fields__"):
        if hasattr(type(thing), "spelling"):  # of a person's own, with a hash of its code
            return thing.spelling()
        if isinstance(thing, dict):
            return {str(k): spell(v) for k, v in thing.items()}
        if isinstance(thing, (list, tuple)):
            return [spell(v) for v in thing]
        return thing
    options = type(thing).__pydantic_fields__
    return {name: spell(held) for name, held in _set_options(thing) if Aside not in options[name].metadata}


def parse(cls: Any, read: Any) -> Any:
    """Build a value (or a union of values) from its spelling.

    Raises:
        pydantic.ValidationError: naming the path, what was read and what is wanted.
    """
    return TypeAdapter(cls).validate_python(read)


def address(spelling: Any) -> str:
    """12 hexadecimal digits that stand for a spelling: the same text gives the same address on every machine."""
    text = json.dumps(spelling, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


ValidationError = pydantic.ValidationError
