"""What AutoAttack's cheap tiers leave standing that the full one fools, and what they cost.

    python benchmarks/tiers.py --cpu-time --threads 1 --out results/benchmarks/tiers.json
    python benchmarks/tiers.py --only "pgd trained, 0.1" --images 100

Networks come from benchmarks/networks.yaml. Every tier attacks the same test images once, and its images are judged by
the network in float32.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import blackthorn as bt
from blackthorn.attacks import AutoAttack, craft
from blackthorn.attacks.autoattack import Tier
from networks import trained
from timing import arguments, finish

IMAGES = 250
TIERS: tuple[Tier, ...] = ("full", "standard", "screen")
RADII = {"standard": (0.1,), "pgd trained": (0.1, 0.2, 0.3)}


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore")
    rows = []
    splits, networks = trained(Path(__file__).with_name("networks.yaml"), options.store, options.data_root)
    x, y = bt.data.pixels(splits.test.x)[: options.images or IMAGES], splits.test.y[: options.images or IMAGES]
    for name, model in networks.items():
        for eps in RADII[name]:
            if options.only not in (None, f"{name}, {eps:g}"):
                continue
            print(f"\n{name}, {len(x)} images, linf, eps {eps:g}, {torch.get_num_threads()} threads")
            fooled: dict[str, Tensor] = {}
            took: dict[str, float] = {}
            for tier in TIERS:
                torch.manual_seed(0)
                start = options.clock()
                fooled[tier] = craft(AutoAttack(eps=eps, tier=tier), model.eval(), x, y, precision="float32").fooled
                took[tier] = options.clock() - start
                row: dict[str, Any] = {
                    "network": name,
                    "eps": eps,
                    "images": len(x),
                    "tier": tier,
                    "robust": int((~fooled[tier]).sum()),
                    "left_standing_that_full_fools": int((fooled["full"] & ~fooled[tier]).sum()),
                    "fooled_that_full_leaves": int((~fooled["full"] & fooled[tier]).sum()),
                    "seconds": took[tier],
                    "share_of_fulls_time": took[tier] / took["full"],
                }
                rows.append(row)
                print(
                    f"{tier:10s} {row['robust'] / len(x):7.2%} stand  {took[tier]:7.1f} s "
                    f"({row['share_of_fulls_time']:.1%} of full)  +{row['left_standing_that_full_fools']} "
                    f"-{row['fooled_that_full_leaves']} images",
                    flush=True,
                )
                finish("tiers", rows, options.out)  # what was measured stays if the rest is stopped


if __name__ == "__main__":
    main()
