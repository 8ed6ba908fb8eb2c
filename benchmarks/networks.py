"""Train what a benchmark needs, once: the store remembers. Or take networks of a recipe that has been run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from blackthorn.attacks import Search
from blackthorn.data import Splits
from blackthorn.deploy import load
from blackthorn.measuring import Accuracy
from blackthorn.recipes.planning import plan
from blackthorn.recipes.reading import read_recipe
from blackthorn.running import Arithmetic, Folder, quiet, run_plan
from blackthorn.stages.measure import Measuring


def trained(recipe: Path, store: Path, data_root: Path | None) -> tuple[Splits, dict[str, nn.Module]]:
    """The data and the networks of a recipe by name, trained if they are not in the store."""
    read = read_recipe(str(recipe))
    splits = read.data.load(data_root)
    made, kept = plan(read, splits), Folder(store)
    run_plan(made, splits, kept, torch.device("cpu"), quiet)
    networks = {}
    for place in made.places:
        network = place.stage.parent
        assert network is not None
        networks[place.row] = load(kept.stage(network.name) / "network.safetensors").model
    return splits, networks


@dataclass(frozen=True)
class Attacked:
    """A network of a run, and an attack by which it is measured itself."""

    recipe: str
    seed: int
    row: str
    metric: str
    network: str
    """Its address in the store."""
    attack: Search
    splits: Splits
    model: nn.Module


def attacked(run: str, data_root: Path | None) -> Iterator[Attacked]:
    """Every network of a run "RECIPE:PRESET:SEED:STORE" that the store holds, with each of its attacks."""
    name, preset, seed, store = run.split(":")
    recipe = replace(read_recipe(name, preset=preset), seeds=(int(seed),))
    splits, held = recipe.data.load(data_root), Folder(Path(store))
    for place in plan(recipe, splits, Arithmetic(held, splits, None)).places:
        value, network = place.stage.value, place.stage.parent
        measure = value.measure if isinstance(value, Measuring) else None
        attack = measure.attack if isinstance(measure, Accuracy) and measure.source is None else None
        if network is None or not isinstance(attack, Search) or not held.done(network.name):
            continue
        model = load(held.stage(network.name) / "network.safetensors").model.eval()
        yield Attacked(name, int(seed), place.row, place.metric, network.name, attack, splits, model)
