"""What alarms cost: PGD-40 on Wang's network by the engine as it is, and with nothing watched, on MNIST test images.

    python benchmarks/alarms.py --data-root DIR --out results/benchmarks/alarms.json

Both begin from the same random starts, in pairs, round by round; the note is the share of time that watching adds.
"""

import statistics
import time
import warnings
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor, nn

import blackthorn as bt
from alone import alone
from blackthorn.attacks.verdict import logits_of
from blackthorn.attacks.watch import Watch
from networks import trained
from timing import arguments, finish, rounds, table

STEP, STEPS = 0.01, 40  # Wang et al. 2018, sec. 2
CASES = {
    "standard": ("standard", 0.3, 1000),
    "standard at 0.1": ("standard", 0.1, 1000),
    "pgd trained at 0.1": ("pgd trained", 0.1, 1000),
    "pgd trained at 0.1, 10,000 images": ("pgd trained", 0.1, 10_000),
}
"""Networks, radii and images, by what rows call them. Of 10,000 images some are tried by thousands of squares, too. At
0.3 the PGD-trained network hides gradients, and Square would go on."""


class Unwatched(Watch):
    """The network as it is: no look at outputs or gradients."""

    def __enter__(self) -> "Unwatched":
        """Wraps nothing."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Nothing to undo."""

    def read(self, x: Tensor) -> None:
        """Asks nothing."""

    def before(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits of the images, without a trial."""
        return logits_of(self._model, x)


def evaluate(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> None:
    """PGD-40 from the same random numbers every time."""
    torch.manual_seed(0)
    bt.attacks.craft(bt.attacks.PGD(eps=eps, step_size=STEP, steps=STEPS), model, x, y, precision="float32")


def unwatched(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> None:
    """The same, with nothing looked at, nor what is left standing tried by squares."""
    with patch("blackthorn.attacks.craft.Watch", Unwatched), alone():
        evaluate(model, x, y, eps)


def main() -> None:
    """Measure both networks and print the table."""
    options = arguments(__doc__)
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore")
    splits, networks = trained(Path(__file__).with_name("networks.yaml"), options.store, options.data_root)
    rows = []
    for name, (network, eps, images) in CASES.items():
        n = options.images or images
        model, x, y = networks[network], bt.data.pixels(splits.test.x[:n]), splits.test.y[:n]
        ways = {f"{name}, unwatched": unwatched, f"{name}, watched": evaluate}
        candidates = {way: partial(attack, model, x, y, eps) for way, attack in ways.items()}
        seconds = rounds(candidates, options.rounds, clock=time.process_time)
        bare, watched = seconds.values()
        added = statistics.median(ours / plain - 1 for plain, ours in zip(bare, watched))
        rows += table(seconds, f"{name}, unwatched", {f"{name}, watched": f"{added:+.1%}"})
    finish("alarms", rows, options.out)


if __name__ == "__main__":
    main()
