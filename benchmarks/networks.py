"""Train what a benchmark needs, once: the store remembers."""

from pathlib import Path

import torch
from torch import nn

from blackthorn.data import Splits
from blackthorn.deploy import load
from blackthorn.recipes.planning import plan
from blackthorn.recipes.reading import read_recipe
from blackthorn.running import Folder, quiet, run_plan


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
