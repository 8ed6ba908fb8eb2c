"""AutoAttack: ours against the authors' implementation as packaged (pyautoattack), on the same networks and images.

    python benchmarks/autoattack.py --images 64 --rounds 1 --out results/benchmarks/autoattack.json
    python benchmarks/autoattack.py --only "pgd trained" --eps 0.1 --images 24 --rounds 2 --cpu-time

Each candidate attacks the same test images of MNIST in one run, in a process of its own, in which ours keeps freed
memory and the reference does not. The reference has its standard version. Ours works in float32 as it does, and once in
what `auto` chooses. Robust accuracy is judged alike for all: by the network in float32 on the images returned. Networks
come from benchmarks/networks.yaml; `--eps` is the radius, by default 0.3, at which nearly every image falls; at 0.1 the
PGD-trained network keeps some, and those cost the whole budget. `--digits` takes two small networks on the digits of
scikit-learn instead, one of them trained by PGD.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import blackthorn as bt
from blackthorn.attacks import PGD, AutoAttack, craft
from blackthorn.attacks.autoattack import Tier
from blackthorn.speed.precision import Precision
from networks import trained
from timing import Apart, arguments, finish, rounds_apart, table

IMAGES = 64


def reference(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Callable[[], Tensor]:
    """Adversarial images from the authors' implementation."""
    from pyautoattack import AutoAttack as Reference

    def attack() -> Tensor:
        torch.manual_seed(0)
        found = Reference(model, norm="Linf", eps=eps, seed=0, version="standard").run_standard_evaluation(x, y)
        return found[0] if isinstance(found, tuple) else found

    return attack


def ours(
    tier: Tier, model: nn.Module, x: Tensor, y: Tensor, eps: float, precision: Precision = "float32"
) -> Callable[[], Tensor]:
    """Adversarial images from ours."""
    warnings.simplefilter("ignore")

    def attack() -> Tensor:
        torch.manual_seed(0)
        return craft(AutoAttack(eps=eps, tier=tier), model, x, y, precision=precision).x_adv

    return attack


def on_digits(kind: str) -> tuple[nn.Module, Tensor, Tensor]:
    """A small convolutional network on 28x28 digits, and its test images."""
    splits = bt.load_data("digits", resize=28)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), 0.002)
    x, y = bt.data.pixels(splits.train.x), splits.train.y
    for _ in range(8):
        for rows in torch.randperm(len(x)).split(64):
            images = PGD(eps=0.1, steps=5)(model, x[rows], y[rows]) if kind == "pgd" else x[rows]
            optimiser.zero_grad(set_to_none=True)
            F.cross_entropy(model(images), y[rows]).backward()
            optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    x, y = bt.data.pixels(splits.test.x), splits.test.y
    right = bt.measuring.Accuracy()(model, x, y).value
    if right < 0.8:
        raise SystemExit(f"the {kind} network reads {right:.0%} of the digits: nothing can be learnt from attacking it")
    return model.eval(), x, y


def main() -> None:
    """Measure and print the table."""
    options = arguments(
        __doc__,
        eps={"type": float, "default": 0.3, "help": "the radius on MNIST"},
        digits={"action": "store_true", "help": "two small networks on digits"},
    )
    images = options.images or IMAGES
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore")
    if options.digits:
        subjects = {kind: (*on_digits(kind), 0.1 if kind == "pgd" else 0.05) for kind in ("standard", "pgd")}
    else:
        splits, networks = trained(Path(__file__).with_name("networks.yaml"), options.store, options.data_root)
        x, y = bt.data.pixels(splits.test.x), splits.test.y
        subjects = {name: (model, x, y, options.eps) for name, model in networks.items()}
    rows = []
    for name, (model, x, y, eps) in subjects.items():
        if options.only not in (None, name):
            continue
        model, x, y = model.eval(), x[:images], y[:images]
        candidates = {"pyautoattack standard": Apart(reference, model, x, y, eps)} | {
            f"blackthorn {tier}": Apart(ours, tier, model, x, y, eps) for tier in ("screen", "standard", "full")
        }
        candidates["blackthorn full, precision auto"] = Apart(ours, "full", model, x, y, eps, "auto")
        seconds = rounds_apart(candidates, options.rounds, options.clock)
        with torch.no_grad():
            robust = {key: (model(one.found).argmax(1) == y).float().mean().item() for key, one in candidates.items()}
        print(f"\n{name}, {len(x)} images, linf, eps {eps:g}, {torch.get_num_threads()} threads")
        notes = {key: f"robust accuracy {share:.2%}" for key, share in robust.items()}
        rows += [row | {"network": name} for row in table(seconds, "pyautoattack standard", notes)]
        finish("autoattack", rows, options.out)  # what was measured stays if the rest is stopped


if __name__ == "__main__":
    main()
