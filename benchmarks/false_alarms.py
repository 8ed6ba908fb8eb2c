"""How often alarms ring on the product's own networks: every published recipe in its smoke preset, cell by cell.

    python benchmarks/false_alarms.py --store runs --out results/benchmarks/false_alarms.json

Stages that are in the store are not done again. Of each cell under alarm it says how many of the images that are right
lie where the network is flat: where no random step of up to the radius moves a logit. There a gradient of zero is the
truth, and the alarm is no fault of its own; what is not so explained deserves a look.
"""

import time
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import blackthorn as bt
from blackthorn.deploy import load
from blackthorn.recipes.planning import plan
from blackthorn.recipes.reading import published, read_recipe
from blackthorn.results import AccuracyRecord
from blackthorn.running import Arithmetic, Folder
from blackthorn.stages.artifacts import load_records
from timing import arguments, finish

_STEPS = 20  # random corners of the ball that are looked at


def flat(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> float:
    """Share of the images classified right around which random steps within `eps` change no logit."""
    with torch.no_grad():
        before = model(x)
        moved = torch.zeros(len(x), dtype=torch.bool)
        for _ in range(_STEPS):
            size = eps * torch.rand(len(x), 1, 1, 1)
            after = model((x + size * torch.randn_like(x).sign()).clamp(0, 1))
            moved |= (after != before).any(1)
    right = before.argmax(1) == y
    return (right & ~moved).sum().item() / max(1, int(right.sum()))


def counted(name: str, store: Path, data_root: Path | None) -> list[dict[str, Any]]:
    """The cells of a recipe with an attack, and those under alarm among them."""
    bt.run(name, preset="smoke", store=store, data_root=data_root, jobs=1)
    recipe = read_recipe(name, preset="smoke")
    splits = recipe.data.load(data_root)
    rows, held = [], Folder(store)
    for place in plan(recipe, splits, Arithmetic(held, splits, None)).places:
        folder = held.stage(place.stage.name)
        for record in load_records(folder):
            if not isinstance(record, AccuracyRecord) or record.eps is None:
                continue
            row = {"recipe": name, "row": place.row, "metric": place.metric, "alarms": list(record.alarms)}
            if record.alarms and place.stage.parent is not None:
                network = place.stage.parent
                model = load(held.stage(network.name) / "network.safetensors").model.eval()
                x, y = bt.data.pixels(splits.test.x), splits.test.y
                row |= {"sparsity_weights": record.sparsity_weights, "flat": flat(model, x, y, record.eps)}
            rows.append(row)
    return rows


def main() -> None:
    """Run, count, and print what rang."""
    options = arguments(__doc__)
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    for name in published():
        if options.only not in (None, name):
            continue
        start = time.process_time()
        try:
            found = counted(name, options.store, options.data_root)
        except bt.errors.BlackthornError as error:
            print(f"{name}: {error}")
            continue
        rang = [row for row in found if row["alarms"]]
        rows.append({"recipe": name, "cells": len(found), "under_alarm": rang})
        print(f"{name}: {len(rang)} of {len(found)} cells under alarm, {time.process_time() - start:.0f} s", flush=True)
        for row in rang:
            print(f"    {row['row']}, {row['metric']}: {', '.join(row['alarms'])}; flat {row.get('flat', 0):.0%}")
    finish("false_alarms", rows, options.out)


if __name__ == "__main__":
    main()
