"""What two alarms look at, on the networks of recipes that have been run: what random squares, few or many, fool of the
images that PGD leaves standing, and how far gradients agree with those of images nearby.

    python benchmarks/standing.py --run anpvs-budget:lite:1:runs --images 200 --out results/benchmarks/standing.json

A run is a recipe, its preset, a seed, and the store that holds its networks; there may be several. Of each network the
measures with PGD of 10 steps or more are taken, on the first of their images. Where squares fool much, or gradients do
not agree, an alarm should ring; everywhere else it should not.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import blackthorn as bt
from blackthorn.attacks import PGD, Square, craft
from blackthorn.attacks.agreement import distance_in
from blackthorn.attacks.onward import is_thorough
from blackthorn.attacks.trials import FEW, GradientTrial
from networks import attacked
from timing import arguments, finish

_QUERIES = 200
_MANY, _TRIED = 5000, 24


def looked_at(run: str, images: int, data_root: Path | None) -> list[dict[str, Any]]:
    """A row for each network and radius of a run."""
    found: dict[tuple[str, PGD], dict[str, Any]] = {}
    for one in attacked(run, data_root):
        attack, model = one.attack, one.model
        if not isinstance(attack, PGD) or not is_thorough(attack) or attack.arithmetic == "naive":
            continue
        if (one.network, attack) in found:
            continue
        x, y = bt.data.pixels(one.splits.test.x[:images]), one.splits.test.y[:images]
        torch.manual_seed(0)
        crafted = craft(attack, model, x, y)
        left = (~crafted.fooled | (crafted.by > 0)).nonzero().squeeze(1)
        some = left[torch.linspace(0, len(left) - 1, min(_TRIED, len(left))).long()]
        few, many = (Square(norm=attack.norm, eps=attack.eps, queries=queries) for queries in (_QUERIES, _MANY))
        row = {"recipe": one.recipe, "seed": one.seed, "row": one.row, "metric": one.metric, "images": len(x)}
        row |= {"left": len(left), "fooled": fooled(few, model, x[left], y[left]), "alarms": list(crafted.alarms)}
        row |= {"tried": len(some), f"fooled by {_MANY}": fooled(many, model, x[some], y[some])}
        row["agreement"] = agreement(model, x, attack)
        found[one.network, attack] = row
        print(f"  {row}", flush=True)
    return list(found.values())


def fooled(attack: Square, model: nn.Module, x: Tensor, y: Tensor) -> int:
    """How many images an attack fools."""
    return int(craft(attack, model, x, y).fooled.sum()) if len(x) else 0


def agreement(model: nn.Module, x: Tensor, attack: PGD) -> float | None:
    """The least of the mean cosines between gradients and those a little away; None where there are no gradients."""
    trial = GradientTrial(nearby=distance_in(attack.ball, x[0].numel()))
    for first in (0, FEW):
        trial.look(model, x[first : first + FEW], torch.float32, torch.Generator().manual_seed(0))
    return trial.agreement.least


def main() -> None:
    """Look at every run, and write what was found."""
    options = arguments(__doc__, run={"action": "append", "required": True, "metavar": "RECIPE:PRESET:SEED:STORE"})
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    images = options.images or 200
    rows = [row for run in options.run for row in looked_at(run, images, options.data_root)]
    finish("standing", rows, options.out)


if __name__ == "__main__":
    main()
