"""What squares fool of the images that the cheap tier of AutoAttack leaves standing, by how long they are asked.

    python benchmarks/patience.py --run wang2018-table2:full:0:runs --images 100 --out results/benchmarks/patience.json

A run is a recipe, its preset, a seed, and the store that holds its networks; there may be several. Each network that
is measured with AutoAttack is attacked in the same ball by what of the tier `screen` follows gradients, on the first of
the test images, and squares then go for at most 32 of those that stand. Where few squares fool none and many fool many,
the cheap tier alone would flatter the network.
"""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import blackthorn as bt
from blackthorn.attacks import AutoAttack, Square, craft
from networks import attacked
from timing import arguments, finish

_QUERIES = (200, 1000, 5000)
_TRIED = 32


def looked_at(run: str, images: int, data_root: Path | None) -> list[dict[str, Any]]:
    """A row for each network and ball of a run of which a few images stand."""
    found: dict[tuple[str, AutoAttack], dict[str, Any]] = {}
    for one in attacked(run, data_root):
        if not isinstance(one.attack, AutoAttack):
            continue
        attack, model = replace(one.attack, tier="screen"), one.model
        if (one.network, attack) in found:
            continue
        x, y = bt.data.pixels(one.splits.test.x[:images]), one.splits.test.y[:images]
        torch.manual_seed(0)
        gradients = [part for part in attack.sequence(classes=10) if part.needs_gradients]
        left = (~craft(gradients, model, x, y).fooled).nonzero().squeeze(1)
        if len(left) < 8:
            continue
        some = left[torch.linspace(0, len(left) - 1, min(_TRIED, len(left))).long()]
        row = {"recipe": one.recipe, "seed": one.seed, "row": one.row, "metric": one.metric, "images": len(x)}
        row |= {"left": len(left), "tried": len(some)}
        for queries in _QUERIES:
            squares = Square(norm=attack.norm, eps=attack.eps, queries=queries)
            row[f"fooled by {queries}"] = int(craft(squares, model, x[some], y[some]).fooled.sum())
        found[one.network, attack] = row
        print(f"  {row}", flush=True)
    return list(found.values())


def main() -> None:
    """Look at every run, and write what was found."""
    options = arguments(__doc__, run={"action": "append", "required": True, "metavar": "RECIPE:PRESET:SEED:STORE"})
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    images = options.images or 100
    rows = [row for run in options.run for row in looked_at(run, images, options.data_root)]
    finish("patience", rows, options.out)


if __name__ == "__main__":
    main()
