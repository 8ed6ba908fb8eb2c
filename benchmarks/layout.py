"""A step of adversarial training, PGD-7 on 128 images in float32, with the channels of a pixel side by side or not.

    python benchmarks/layout.py --rounds 7 --threads 1 --out results/benchmarks/layout.json

One table for each network; the numbers of both layouts differ only by rounding.
"""

from collections.abc import Callable

import torch
from torch import nn

import blackthorn as bt
from blackthorn.models import layout
from blackthorn.speed.memory import keep_freed_memory
from timing import arguments, finish, rounds, table

BATCH, STEPS = 128, 7  # as in the lite presets of anpvs-mnist and anpvs-ablation
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "lenet5_caffe": (bt.models.lenet5_caffe, (1, 28, 28)),
    "wang_cnn": (bt.models.wang_cnn, (1, 28, 28)),
    "parana_cnn": (bt.models.parana_cnn, (1, 28, 28)),
    "vgg16_anp, width 16": (lambda: bt.models.vgg16_anp(width=16), (3, 32, 32)),
}


def trained_by(model: nn.Module, shape: tuple[int, int, int]) -> Callable[[], None]:
    """Takes one step."""
    x, y = torch.rand(BATCH, *shape), torch.arange(BATCH) % 10
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    objective = bt.objectives.Adversarial(attack=bt.attacks.PGD(eps=0.03, step_size=0.0107, steps=STEPS))

    def step() -> None:
        model.train()
        with layout.channels_last(model, x):
            loss = objective(model, x, y).total
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()

    return step


def main() -> None:
    """Measure and print the tables."""
    options = arguments(__doc__)
    torch.set_flush_denormal(True)
    keep_freed_memory()
    rows = []
    for name, (build, shape) in NETWORKS.items():
        if options.only not in (None, name):
            continue
        apart, last = build(), build()
        last.load_state_dict(apart.state_dict())
        layout._known[apart] = False  # as if it could not bear another layout, so that its attacks use none either
        print(f"\n{name}: a step on {BATCH} images, {torch.get_num_threads()} threads")
        plain = f"{name}, channels apart"
        candidates = {
            plain: trained_by(apart, shape),
            f"{name}, channels last": trained_by(last, shape),
        }
        rows += table(rounds(candidates, options.rounds, options.clock), plain)
    finish("layout", rows, options.out)


if __name__ == "__main__":
    main()
