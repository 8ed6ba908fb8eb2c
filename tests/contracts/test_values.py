"""What every value promises: an example here, immutability, equality by content, and a spelling that reads back."""

import dataclasses
import importlib
import json
import pickle
import pkgutil
from types import ModuleType, UnionType
from typing import Annotated, Any, get_args, get_origin

import pytest

import blackthorn
from blackthorn.attacks import FGSM, AnyAttack
from blackthorn.claims import AnyRule, AnyStatement
from blackthorn.data import Crop
from blackthorn.gates import AnyGate
from blackthorn.measuring import AnyMeasure, AnySource
from blackthorn.models import BUILDERS
from blackthorn.objectives import AnyObjective
from blackthorn.pruning import AnyCriterion
from blackthorn.stages import Step
from blackthorn.training import AnyOptimizer, AnySchedule
from blackthorn.values import ValidationError, address, parse, spell

from .examples import (
    ATTACKS,
    CRITERIA,
    GATES,
    MEASURES,
    MODELS,
    OBJECTIVES,
    OPTIMIZERS,
    PACKAGES,
    RULES,
    SCHEDULES,
    SOURCES,
    STATEMENTS,
    STEPS,
    VALUES,
)

UNIONS = [
    (AnyAttack, ATTACKS),
    (AnyCriterion, CRITERIA),
    (AnyGate, GATES),
    (AnyMeasure, MEASURES),
    (AnyObjective, OBJECTIVES),
    (AnyOptimizer, OPTIMIZERS),
    (AnyRule, RULES),
    (AnySchedule, SCHEDULES),
    (AnySource, SOURCES),
    (AnyStatement, STATEMENTS),
    (Step, STEPS),
]
HOUSES = [
    importlib.import_module(f"blackthorn.{one.name}") for one in pkgutil.iter_modules(blackthorn.__path__) if one.ispkg
]
"""Every package of the library."""
ELSEWHERE = {"blackthorn.recipes", "blackthorn.results"}
"""A recipe, which holds mappings and so has no hash, is tested in tests/recipes, and records in test_measures."""
EVERY_VALUE = pytest.mark.parametrize("thing", VALUES, ids=repr)


def value_classes(package: ModuleType) -> set[type]:
    exported = (getattr(package, name) for name in getattr(package, "__all__", ()))
    return {thing for thing in exported if isinstance(thing, type) and hasattr(thing, "__pydantic_fields__")}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_exported_value_class_has_an_example(package: ModuleType) -> None:
    missing = value_classes(package) - {type(thing) for thing in VALUES}
    assert not missing, f"add examples of {missing} to tests/contracts/examples.py"


def test_every_package_that_exports_values_is_asked_for_examples() -> None:
    exporting = {package.__name__ for package in HOUSES if value_classes(package)}
    assert exporting == {package.__name__ for package in PACKAGES} | ELSEWHERE


def test_every_network_that_a_recipe_can_name_has_an_example() -> None:
    assert sorted(MODELS) == sorted(BUILDERS)


@pytest.mark.parametrize(("union", "examples"), UNIONS, ids=[type(examples[0]).__name__ for _, examples in UNIONS])
def test_every_kind_that_a_recipe_can_name_has_an_example_and_none_is_left_out(union: Any, examples: list[Any]) -> None:
    inner = get_args(union)[0] if get_origin(union) is Annotated else union
    named = set(get_args(inner)) if isinstance(inner, UnionType) else {inner}
    assert named == {type(thing) for thing in examples}


@pytest.mark.parametrize("package", HOUSES, ids=lambda package: package.__name__)
def test_public_names_exist_and_are_sorted(package: ModuleType) -> None:
    names = list(getattr(package, "__all__", ()))
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(hasattr(package, name) for name in names)


@EVERY_VALUE
def test_a_value_reads_back_from_its_spelling_as_itself(thing: Any) -> None:
    spelling = json.loads(json.dumps(spell(thing)))
    assert parse(type(thing), spelling) == thing


@pytest.mark.parametrize(
    ("union", "thing"),
    [pytest.param(union, thing, id=repr(thing)) for union, examples in UNIONS for thing in examples],
)
def test_a_value_reads_back_through_the_union_of_its_kind(union: Any, thing: Any) -> None:
    assert parse(union, spell(thing)) == thing


@EVERY_VALUE
def test_a_value_cannot_be_changed(thing: Any) -> None:
    for field in dataclasses.fields(thing):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, field.name, getattr(thing, field.name))


@EVERY_VALUE
def test_a_value_is_equal_to_its_copy_with_the_same_hash_and_survives_another_process(thing: Any) -> None:
    copy = dataclasses.replace(thing)
    assert copy == thing and hash(copy) == hash(thing) and copy is not thing
    assert pickle.loads(pickle.dumps(thing)) == thing


@EVERY_VALUE
def test_a_representation_is_the_call_that_makes_the_value_again(thing: Any) -> None:
    names = {type(other).__name__: type(other) for other in VALUES}
    assert eval(repr(thing), names) == thing


@EVERY_VALUE
def test_a_spelling_holds_no_defaults_but_the_kind(thing: Any) -> None:
    fields = type(thing).__pydantic_fields__
    for name in spell(thing):
        assert name == "kind" or fields[name].is_required() or getattr(thing, name) != fields[name].default


@EVERY_VALUE
def test_options_that_do_not_exist_are_refused(thing: Any) -> None:
    with pytest.raises(ValidationError, match="no_such_option"):
        parse(type(thing), {**spell(thing), "no_such_option": 1})


@EVERY_VALUE
def test_options_have_names_and_no_positions_but_for_the_radius_of_fgsm(thing: Any) -> None:
    with pytest.raises((TypeError, ValidationError)):
        type(thing)(1, 2) if isinstance(thing, FGSM) else type(thing)(1)
    assert FGSM(0.1) == FGSM(eps=0.1)


def test_different_values_have_different_addresses() -> None:
    spellings = {address(spell(thing)) for thing in VALUES if "kind" in type(thing).__pydantic_fields__}
    assert len(spellings) == sum("kind" in type(thing).__pydantic_fields__ for thing in VALUES)


def test_values_differ_when_an_option_or_the_kind_does() -> None:
    assert FGSM(eps=0.1) != FGSM(eps=0.2)
    assert FGSM(eps=0.1) != Crop()


@pytest.mark.parametrize("cls", sorted({type(thing) for thing in VALUES}, key=lambda cls: cls.__name__))
def test_every_value_class_says_what_it_is(cls: type) -> None:
    assert cls.__doc__ and cls.__doc__.strip().splitlines()[0].endswith(".")
