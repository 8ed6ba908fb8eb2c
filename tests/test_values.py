"""The one form of everything that can be configured."""

import dataclasses
import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter

from blackthorn.recipes.describing import described
from blackthorn.values import (
    Count,
    NonNegative,
    Number,
    Positive,
    Radius,
    Rate,
    ValidationError,
    Whole,
    address,
    check_radius,
    parse,
    spell,
    value,
)


@value
class Round:
    """A test value."""

    kind: Literal["round"] = "round"
    size: Radius
    colour: str = "red"
    spots: tuple[Count, ...] = ()


@value
class Box:
    """A value that holds another."""

    kind: Literal["box"] = "box"
    inside: Round | None = None
    weight: NonNegative = 1.0


Shape = Annotated[Round | Box, Field(discriminator="kind")]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8/255", 8 / 255),
        (" 8 / 255 ", 8 / 255),
        ("98%", 0.98),
        ("0.1 %", 0.001),
        ("1e-4", 1e-4),
        ("-0.5", -0.5),
        ("3", 3.0),
        (0.3, 0.3),
        (2, 2.0),
    ],
)
def test_numbers_may_be_written_as_people_write_them(text: object, number: float) -> None:
    assert parse(Number, text) == number


@pytest.mark.parametrize("text", ["", "eight", "8/0", "1/2/3", "nan", "inf", "1e999", "98 %%", True, None, [1], "0x10"])
def test_what_is_no_number_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        parse(Number, text)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), "1e999"])
def test_values_hold_finite_numbers_only(number: object) -> None:
    with pytest.raises(ValidationError):
        Round(size=number)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "read", "complaint"),
    [
        (Rate, 1.5, r"a fraction in \[0, 1\] is wanted \["),
        (Rate, 98, "write 98% or 0.98"),
        (Rate, -0.1, "a fraction in"),
        (Rate, 200, r"a fraction in \[0, 1\] is wanted \["),
        (Radius, -1, "cannot be negative"),
        (Count, 0, "greater than or equal to 1"),
        (Count, 2.5, "a whole number is wanted"),
        (Whole, True, "a whole number is wanted"),
        (Positive, 0, "greater than 0"),
        (NonNegative, -0.1, "greater than or equal to 0"),
    ],
)
def test_numbers_out_of_range_are_refused_with_what_to_write(kind: Any, read: object, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        TypeAdapter(kind).validate_python(read)


def test_a_radius_in_units_of_255_is_told_how_to_be_written() -> None:
    with pytest.raises(ValueError, match=r"eps = 8 is larger than the whole pixel range.*write 8/255"):
        check_radius(8)
    check_radius(8, "l2")
    check_radius(1.0)


def test_a_value_is_frozen_and_keyword_only_and_refuses_what_it_does_not_know() -> None:
    ball = Round(size=0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ball.size = 0.2  # type: ignore[misc]
    with pytest.raises((TypeError, ValidationError)):
        Round(0.1)  # type: ignore[misc]
    with pytest.raises(ValidationError, match="hue"):
        Round(size=0.1, hue=3)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="size"):
        Round()  # type: ignore[call-arg]


def test_a_representation_shows_what_differs_from_the_defaults() -> None:
    assert repr(Round(size=0.1)) == "Round(size=0.1)"
    assert repr(Box(inside=Round(size=1, colour="blue"))) == "Box(inside=Round(size=1.0, colour='blue'))"
    assert repr(Box()) == "Box()"


def test_equal_contents_are_equal_values_with_equal_hashes() -> None:
    assert Round(size="1/2") == Round(size=0.5)  # type: ignore[arg-type]
    assert hash(Box(inside=Round(size=0.5))) == hash(Box(inside=Round(size=0.5)))
    assert Round(size=0.5) != Round(size=0.5, colour="blue")


def test_a_spelling_leaves_defaults_out_and_keeps_kinds_and_requirements() -> None:
    assert spell(Round(size=0.5)) == {"kind": "round", "size": 0.5}
    assert spell(Box(inside=Round(size=0.5, spots=(1, 2)))) == {
        "kind": "box",
        "inside": {"kind": "round", "size": 0.5, "spots": [1, 2]},
    }
    assert spell({"a": [Round(size=1)], "b": None}) == {"a": [{"kind": "round", "size": 1.0}], "b": None}


@given(
    st.builds(
        Box,
        inside=st.none() | st.builds(
            Round, size=st.floats(0, 1e6), colour=st.text(), spots=st.lists(st.integers(1, 9)).map(tuple)
        ),
        weight=st.floats(0, 1e300),
    )
)  # fmt: skip
def test_every_value_reads_back_from_its_spelling_through_json(box: Box) -> None:
    assert parse(Shape, json.loads(json.dumps(spell(box)))) == box


def test_parsing_tells_values_apart_by_their_kind() -> None:
    assert parse(Shape, {"kind": "round", "size": "8/255"}) == Round(size=8 / 255)
    with pytest.raises(ValidationError, match="cone"):
        parse(Shape, {"kind": "cone"})


def test_an_address_is_a_function_of_the_spelling_alone_on_every_machine() -> None:
    assert address({"b": 1, "a": [0.1, "ü"]}) == address({"a": [0.1, "ü"], "b": 1}) == "4a3547185e63"
    assert address({"a": 1}) != address({"a": 2})
    with pytest.raises(ValueError, match="JSON"):
        address({"a": float("nan")})


def test_an_option_left_at_its_default_changes_no_address() -> None:
    assert address(spell(Round(size=0.5))) == address(spell(Round(size=0.5, colour="red")))


def test_a_value_made_of_another_has_its_options_checks_and_descriptions() -> None:
    @value
    class Base:
        """A parent."""

        rate: Rate
        """How much."""
        count: Count = 3
        """How many."""

    @value
    class Child(Base):
        """A child."""

        kind: Literal["child"] = "child"

    fields = described(Child)["properties"]
    assert fields["rate"]["description"] == "How much." and fields["count"]["description"] == "How many."
    assert Child(rate="50%") == Child(rate=0.5, count=3)
    assert spell(Child(rate=0.5)) == {"rate": 0.5, "kind": "child"}
    with pytest.raises(ValidationError):
        Child(rate=0.5, count=0)
