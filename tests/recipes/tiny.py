"""A recipe that runs in a second, and ways to spoil it."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from blackthorn.recipes import Recipe, read_recipe

_TRAIN = {"kind": "train", "epochs": 2, "batch_size": 32, "stop_at_chance": False}

TINY: dict[str, Any] = {
    "title": "Tiny",
    "data": {"source": "digits", "train": 120, "test": 40, "valid": 0},
    "model": {"kind": "mlp", "hidden": [16]},
    "networks": {
        "dense": {"steps": [_TRAIN]},
        "weight 50%": {
            "of": "dense",
            "steps": [
                {"kind": "prune", "criterion": {"kind": "magnitude"}, "scope": "per_layer", "sparsity": "50%"},
                {**_TRAIN, "epochs": 1},
            ],
        },
    },
    "measures": {
        "natural": {"kind": "accuracy"},
        "fgsm 0.1": {"kind": "accuracy", "attack": {"kind": "fgsm", "eps": 0.1}},
        "pgd": {"kind": "accuracy", "attack": {"kind": "pgd", "eps": "8/255", "steps": 3}},
    },
    "published": {"source": "nobody 2020", "values": {"dense": {"natural": 90}}},
    "statements": [
        {
            "kind": "keeps",
            "text": "Pruning costs nothing",
            "rows": ["weight 50%"],
            "than": "dense",
            "metrics": ["natural"],
            "points": 5,
        }
    ],
    "presets": {"smoke": {"data.train": 60}},
}

TRAIN = ("networks", "dense", "steps", 0)
PRUNE = ("networks", "weight 50%", "steps", 0)
PGD = ("measures", "pgd", "attack")
MISSING = object()


def tiny(*path: Any, to: Any = None) -> dict[str, Any]:
    """The recipe, with what stands at `path` replaced, or taken away by `to=MISSING`."""
    recipe = copy.deepcopy(TINY)
    if path:
        node: Any = recipe
        for step in path[:-1]:
            node = node[step]
        if to is MISSING:
            del node[path[-1]]
        else:
            node[path[-1]] = to
    return recipe


def write(folder: Path, recipe: Mapping[str, Any] | str | bytes, name: str = "r.yaml") -> Path:
    """Write a recipe's file."""
    if isinstance(recipe, Mapping):
        recipe = yaml.safe_dump(dict(recipe), sort_keys=False)
    path = folder / name
    path.write_bytes(recipe if isinstance(recipe, bytes) else recipe.encode())
    return path


def read(folder: Path, recipe: Mapping[str, Any] | str | bytes, *changes: str, preset: str = "full") -> Recipe:
    """Write it and read it back as the command line does."""
    return read_recipe(str(write(folder, recipe)), preset=preset, changes=changes)
