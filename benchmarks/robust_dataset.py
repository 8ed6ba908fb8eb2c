"""Inverting features on CIFAR-10: Blackthorn's inversion against the plain loop, in images and steps a second.

    python benchmarks/robust_dataset.py --data-root DIR --out results/benchmarks/robust_dataset.json

The plain loop is what a paper's code does: forward through the whole network with a hook that notes the features,
backward, step, in float32. Both begin at the same images. The network is a VGG-16 of an eighth of the width with its
first weights, since what they are changes no time. `--only N` measures the batch size N alone.
"""

from functools import partial

import torch
from torch import Tensor, nn

import blackthorn as bt
from blackthorn.training import Inversion
from timing import arguments, finish, rounds, table

STEPS, LENGTH, IMAGES, WIDTH, BATCHES = 25, 0.5, 64, 8, (16, 64)


def plain_loop(model: nn.Sequential, x: Tensor, starts: Tensor, batch: int) -> Tensor:
    """Inverted images from the obvious loop."""
    seen: list[Tensor] = []
    handle = model[-1].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    found = []
    for first in range(0, len(x), batch):
        model(x[first : first + batch])
        aim, z = seen.pop().detach(), starts[first : first + batch].clone()
        for _ in range(STEPS):
            z.requires_grad_()
            model(z)
            loss = ((seen.pop() - aim).norm(dim=1) / aim.norm(dim=1)).sum()
            model.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            gradient = z.grad
            assert gradient is not None
            length = gradient.flatten(1).norm(dim=1)[:, None, None, None] + 1e-10
            z = (z.detach() - LENGTH * gradient / length).clamp(0, 1)
        found.append(z)
    handle.remove()
    return torch.cat(found)


def main() -> None:
    """Measure every batch size and print the table."""
    options = arguments(__doc__)
    x = bt.data.pixels(bt.load_data("cifar10", data_root=options.data_root).train.x[:IMAGES])
    torch.manual_seed(0)
    model = bt.models.vgg16(10, width=WIDTH).eval()
    inversion = Inversion(steps=STEPS, step_size=LENGTH, fake_relu=False)
    starts = torch.stack([inversion.start_of(x, row) for row in range(IMAGES)])
    rows = []
    for batch in BATCHES:
        if options.only not in (None, str(batch)):
            continue
        found: dict[str, Tensor] = {}
        searches = {
            "plain float32 loop": partial(plain_loop, model, x, starts, batch),
            "blackthorn": lambda batch=batch: inversion(model, x, batch_size=batch, precision="float32").x,
        }

        def keep(key: str) -> None:
            found[key] = searches[key]()  # noqa: B023  # called in this round only

        seconds = rounds({key: partial(keep, key) for key in searches}, options.rounds)
        apart = float((found["blackthorn"] - found["plain float32 loop"]).abs().max())
        print(f"\nbatch {batch}, {IMAGES} images, {STEPS} steps, {torch.get_num_threads()} threads, apart {apart:.1e}")
        notes = {
            key: f"{IMAGES * STEPS / sorted(took)[len(took) // 2]:.0f} image steps/s" for key, took in seconds.items()
        }
        rows += [row | {"batch": batch} for row in table(seconds, "plain float32 loop", notes)]
    finish("robust_dataset", rows, options.out)


if __name__ == "__main__":
    main()
