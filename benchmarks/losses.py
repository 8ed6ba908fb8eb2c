"""Which loss to climb towards wrong classes: the margin, or its ratio to the spread of the logits.

    python benchmarks/losses.py --threads 1 --cpu-time --out results/benchmarks/losses.json

APGD with several budgets on the PGD-trained network of benchmarks/networks.yaml, beside what AutoAttack's full tier
leaves. Every attack has the same test images; they are judged by the network in float32.
"""

import warnings
from pathlib import Path

import torch

import blackthorn as bt
from alone import alone
from blackthorn.attacks import APGD, AutoAttack, craft
from networks import trained
from timing import arguments, finish

IMAGES = 200
EPS = 0.2
ATTACKS = {
    "autoattack full": AutoAttack(eps=EPS, tier="full"),
    "ratio, likely, 9 x 30": APGD(eps=EPS, loss="dlr", toward="likely", steps=30, restarts=9),
    "ratio, likely, 3 x 100": APGD(eps=EPS, loss="dlr", toward="likely", steps=100, restarts=3),
    "ratio, likely, 9 x 100": APGD(eps=EPS, loss="dlr", toward="likely", steps=100, restarts=9),
    "margin, nearest, 9 x 20": APGD(eps=EPS, loss="margin", toward="nearest", steps=20, restarts=9),
    "margin, nearest, 9 x 100": APGD(eps=EPS, loss="margin", toward="nearest", steps=100, restarts=9),
    "margin, likely, 9 x 100": APGD(eps=EPS, loss="margin", toward="likely", steps=100, restarts=9),
}


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore")
    splits, networks = trained(Path(__file__).with_name("networks.yaml"), options.store, options.data_root)
    model, images = networks["pgd trained"].eval(), options.images or IMAGES
    x, y = bt.data.pixels(splits.test.x)[:images], splits.test.y[:images]
    rows = []
    for name, attack in ATTACKS.items():
        torch.manual_seed(0)
        start = options.clock()
        with alone():
            robust = craft(attack, model, x, y, precision="float32").robust_accuracy
        rows.append(
            {"attack": name, "eps": EPS, "images": images, "robust": robust, "seconds": options.clock() - start}
        )
        print(f"{name:26s} {robust:7.2%} stand  {rows[-1]['seconds']:6.1f} s", flush=True)
    finish("losses", rows, options.out)


if __name__ == "__main__":
    main()
