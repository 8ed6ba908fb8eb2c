"""Addresses of stored work: pinned, so that nobody's finished networks are lost, or taken for others, by accident.

When a pinned test fails, ask what changed.

- A published recipe was changed on purpose: copy the new table that the failure prints.
- A default was changed: that is a breaking change; write the old value into the recipes, or raise the stage's revision
  in `planning.REVISIONS`, so that old results are not taken for new ones.
- An option was added: give it the default under which nothing changes; then no address does.
"""

import dataclasses
import pprint
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import yaml

from blackthorn.cli.commands import Request, show_command
from blackthorn.data import ImageSet, Splits
from blackthorn.recipes import Plan, Recipe, plan, read_recipe
from blackthorn.recipes.reading import published
from blackthorn.values import address, spell, value

from .tiny import PGD, PRUNE, TRAIN, read, tiny, write

# Row -> the addresses of its steps, for the first seed, on images that stand for the recipe's.
PINNED: dict[str, dict[str, list[str]]] = {
    "quickstart": {
        "dense": ["train-97d2976b9f13"],
        "weight 80%": ["train-97d2976b9f13", "prune-88091bd48514", "train-814cf013909d"],
        "weight 95%": ["train-97d2976b9f13", "prune-9783a16bc055", "train-9a5256022b1e"],
        "filter 50%": ["train-97d2976b9f13", "prune-a85d509a7a54", "train-e9cbcdad36a9", "shrink-97105f12c02e"],
        "pgd dense": ["train-f1a7e101c04e"],
        "pgd weight 80%": ["train-f1a7e101c04e", "prune-a3c8c6c9e52e", "train-007f56561b70"],
        "pgd weight 95%": ["train-f1a7e101c04e", "prune-3b92a5f741dc", "train-9c1baa34b904"],
        "pgd filter 50%": ["train-f1a7e101c04e", "prune-e20d8aec7d8e", "train-a4ad5f66d5d9", "shrink-e46fd3bcfc9a"],
    },
    "wang2018-table1": {
        "dense": ["train-6698bfbb97e7"],
        "weight 98%": ["train-6698bfbb97e7", "prune-917a9e759282", "train-8159e8f5f9d2"],
        "filter 75%": ["train-6698bfbb97e7", "prune-2596e9588872", "train-30f07fe73c33"],
        "filter 75% floor 1": ["train-6698bfbb97e7", "prune-acdaeceaf232", "train-a662dba86a89"],
        "filter 75% literal": ["train-6698bfbb97e7", "prune-dfd4392fbb13", "train-78694293f90a"],
    },
}
# All measurements together.
PINNED_MEASURES: dict[str, str] = {"quickstart": "3cfb2a153a66", "wang2018-table1": "292b73781c7b"}


def images(n: int = 4, classes: int = 10) -> ImageSet:
    names = tuple(map(str, range(classes)))
    return ImageSet(torch.zeros(n, 1, 28, 28, dtype=torch.uint8), torch.arange(n) % classes, names)


def splits(fingerprint: str = "0123456789abcdef") -> Splits:
    return Splits(train=images(), valid=images(0), test=images(), name="stand-in", fingerprint=fingerprint)


def laid_out(recipe: Recipe) -> Plan:
    return plan(recipe, splits())


def steps(made: Plan, row: str, seed: int = 0) -> list[str]:
    """The addresses of a row's own steps, first to last."""
    stage = next(place.stage.parent for place in made.places if (place.row, place.seed) == (row, seed))
    chain = []
    while stage is not None:
        chain.append(f"{stage.kind}-{stage.key}")
        stage = stage.parent
    return chain[::-1]


def measures(made: Plan) -> dict[tuple[str, str, int], str]:
    return {(place.row, place.metric, place.seed): place.stage.key for place in made.places}


def keys(made: Plan) -> set[str]:
    return {stage.key for stage in made.stages}


@pytest.mark.parametrize("name", published())
def test_the_networks_of_a_published_recipe_stay_at_their_addresses(name: str) -> None:
    recipe = read_recipe(name)
    made = laid_out(recipe)
    ours = {row: steps(made, row, recipe.seeds[0]) for row in recipe.rows}
    assert ours == PINNED.get(name), f"PINNED[{name!r}] = {pprint.pformat(ours, width=118, sort_dicts=False)}"


@pytest.mark.parametrize("name", published())
def test_the_measurements_of_a_published_recipe_stay_at_their_addresses(name: str) -> None:
    ours = address(sorted(measures(laid_out(read_recipe(name))).values()))
    assert ours == PINNED_MEASURES.get(name), f"PINNED_MEASURES[{name!r}] = {ours!r}"


def test_a_new_option_with_a_default_changes_no_address() -> None:
    @value
    class Before:
        kind: Literal["attack"] = "attack"
        eps: float
        steps: int = 40

    @value
    class After:
        kind: Literal["attack"] = "attack"
        eps: float
        steps: int = 40
        momentum: float = 0.0

    assert address(spell(Before(eps=0.1))) == address(spell(After(eps=0.1)))
    assert address(spell(After(eps=0.1, momentum=0.9))) != address(spell(After(eps=0.1)))


@pytest.mark.parametrize(
    ("path", "spelled"),
    [
        ((*TRAIN, "precision"), "auto"),
        ((*TRAIN, "optimizer"), {"kind": "adam", "lr": "1e-3"}),
        ((*TRAIN, "objective"), {"kind": "cross_entropy"}),
        ((*TRAIN, "schedule"), {"kind": "constant"}),
        ((*TRAIN, "early_stopping"), None),
        ((*PRUNE, "sparsity"), 0.5),
        ((*PRUNE, "floor"), 1),
        ((*PGD, "eps"), 8 / 255),
        ((*PGD, "loss"), "ce"),
        (("title",), "Another"),
        (("seeds",), [0]),
        (("networks", "dense", "show"), True),
    ],
)
def test_the_same_thing_said_in_other_words_has_the_same_address(
    tmp_path: Path, path: tuple[Any, ...], spelled: Any
) -> None:
    assert keys(laid_out(read(tmp_path, tiny(*path, to=spelled)))) == keys(laid_out(read(tmp_path, tiny())))


def test_the_name_of_a_network_is_not_part_of_its_address(tmp_path: Path) -> None:
    renamed = yaml.safe_load(yaml.safe_dump(tiny()).replace("weight 50%", "half"))
    assert keys(laid_out(read(tmp_path, renamed))) == keys(laid_out(read(tmp_path, tiny())))


def test_a_network_is_shared_by_all_that_go_on_from_it(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["weight 80%"] = {
        "of": "dense",
        "steps": [{"kind": "prune", "criterion": {"kind": "magnitude"}, "sparsity": "80%"}],
    }
    made = laid_out(read(tmp_path, recipe))
    assert steps(made, "weight 50%")[:1] == steps(made, "weight 80%")[:1] == steps(made, "dense")
    assert sum(stage.kind == "train" for stage in made.stages) == 2  # dense, and the tuning of weight 50%


def test_two_networks_made_alike_are_one(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["twin"] = recipe["networks"]["dense"]
    made = laid_out(read(tmp_path, recipe))
    assert steps(made, "twin") == steps(made, "dense")


def test_seeds_are_kept_apart_in_every_stage(tmp_path: Path) -> None:
    made = laid_out(read(tmp_path, tiny("seeds", to=[0, 1])))
    by_seed = [{stage.key for stage in made.stages if stage.seed == seed} for seed in (0, 1)]
    assert len(by_seed[0]) == len(by_seed[1]) == len(made.stages) / 2
    assert not by_seed[0] & by_seed[1]


def test_another_seed_beside_it_moves_nothing(tmp_path: Path) -> None:
    assert keys(laid_out(read(tmp_path, tiny()))) < keys(laid_out(read(tmp_path, tiny("seeds", to=[0, 1]))))


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("measures.pgd.attack.steps=4", {"pgd"}),
        ("measures.pgd.attack.eps=0.2", {"pgd"}),
        ("measures.natural.n_max=10", {"natural"}),
    ],
)
def test_changing_a_measure_moves_that_measure_only(tmp_path: Path, change: str, moved: set[str]) -> None:
    before, after = (measures(laid_out(read(tmp_path, tiny(), *more))) for more in ((), (change,)))
    assert {metric for (row, metric, seed), key in before.items() if after[row, metric, seed] != key} == moved


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("networks.dense.steps.0.epochs=3", {"dense", "weight 50%"}),
        ("networks.dense.steps.0.optimizer={kind: adam, lr: 1e-2}", {"dense", "weight 50%"}),
        ("networks.weight 50%.steps.prune.sparsity=60%", {"weight 50%"}),
        ("networks.weight 50%.steps.1.epochs=3", {"weight 50%"}),
        ("model.hidden=[8]", {"dense", "weight 50%"}),
    ],
)
def test_changing_a_network_moves_it_and_all_that_go_on_from_it(tmp_path: Path, change: str, moved: set[str]) -> None:
    before, after = (measures(laid_out(read(tmp_path, tiny(), *more))) for more in ((), (change,)))
    assert {row for (row, metric, seed), key in before.items() if after[row, metric, seed] != key} == moved


def test_other_images_move_everything_that_has_seen_them(tmp_path: Path) -> None:
    recipe = read(tmp_path, tiny())
    assert not keys(plan(recipe, splits("a" * 16))) & keys(plan(recipe, splits("b" * 16)))


def test_a_revision_moves_its_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = measures(laid_out(read(tmp_path, tiny())))
    monkeypatch.setitem(__import__("blackthorn.recipes.planning", fromlist=["REVISIONS"]).REVISIONS, "accuracy", 99)
    after = laid_out(read(tmp_path, tiny()))
    assert not set(before.values()) & set(measures(after).values())
    assert steps(after, "dense") == steps(laid_out(read(tmp_path, tiny())), "dense")


@pytest.mark.parametrize("name", published())
@pytest.mark.parametrize("preset", ["full", "smoke"])
def test_what_show_prints_is_a_recipe_with_the_same_addresses(tmp_path: Path, name: str, preset: str) -> None:
    shown = write(tmp_path, show_command(Request(recipe=name, preset=preset)))
    again, before = read_recipe(str(shown)), read_recipe(name, preset=preset)
    assert keys(laid_out(again)) == keys(laid_out(before))
    assert again == dataclasses.replace(before, presets={})


def test_a_network_of_ones_own_moves_when_its_file_is_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = read(tmp_path, tiny("model", to="own_net_of_addresses:net"))
    file = tmp_path / "own_net_of_addresses.py"
    file.write_text("def net(num_classes): ...\n")
    before = keys(laid_out(recipe))
    assert keys(laid_out(recipe)) == before
    file.write_text("def net(num_classes): ...  # another\n")
    assert not keys(laid_out(recipe)) & before


def test_a_factory_passed_on_by_its_package_moves_with_the_file_it_is_written_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_nets_of_addresses").mkdir()
    (tmp_path / "own_nets_of_addresses" / "__init__.py").write_text("from .inner import net\n")
    file = tmp_path / "own_nets_of_addresses" / "inner.py"
    file.write_text("def net(num_classes): ...\n")
    recipe = read(tmp_path, tiny("model", to="own_nets_of_addresses:net"))
    before = keys(laid_out(recipe))
    file.write_text("def net(num_classes): ...  # another\n")
    assert not keys(laid_out(recipe)) & before
