"""Random convolutions, there and back, with channels last and apart: do they agree, and does torch keep to its memory?

    MALLOC_CHECK_=3 MALLOC_PERTURB_=85 python benchmarks/layout_faults.py --seconds 60 --seed 1

glibc's checking allocator ends the process where memory was written beyond its end; the last line on stderr then names
the convolution. Kernels of one pixel with a stride, where torch 2.13 can fail, are left out without `--strided`.
"""

import argparse
import random
import sys
import time

import torch
from torch import nn


def drawn(draw: random.Random, *, strided: bool) -> dict[str, int] | None:
    """Options of a convolution; None where they do not go together."""
    groups, kernel, side = (
        draw.choice([1, 1, 2, 4, 8]),
        draw.choice([1, 2, 3, 4, 5, 7, 8]),
        draw.choice([8, 14, 16, 28]),
    )
    made = {
        "in_channels": groups * draw.choice([1, 2, 3, 4, 8, 20]),
        "out_channels": groups * draw.choice([1, 2, 3, 8, 16]),
        "kernel_size": kernel,
        "stride": draw.choice([1, 1, 2, 3]),
        "padding": draw.choice([0, 1, 2]),
        "dilation": draw.choice([1, 1, 2]),
        "groups": groups,
    }
    fits = side + 2 * made["padding"] > made["dilation"] * (kernel - 1)
    return made | {"side": side} if fits and (strided or not kernel == 1 < made["stride"]) else None


def apart(options: dict[str, int], images: int, *, learns: bool) -> float:
    """By how much the gradients of both layouts differ, relative to the largest."""
    convs = [nn.Conv2d(**{name: value for name, value in options.items() if name != "side"}) for _ in range(2)]
    convs[1].load_state_dict(convs[0].state_dict())
    convs[0].weight.data = convs[0].weight.data.clone(memory_format=torch.channels_last)
    x = torch.rand(images, options["in_channels"], options["side"], options["side"])
    leaves = [x.clone(memory_format=torch.channels_last).requires_grad_(), x.clone().requires_grad_()]
    upstream = torch.rand_like(convs[1](x))
    asked = [[leaf, conv.weight] if learns else [leaf] for leaf, conv in zip(leaves, convs)]
    found, wanted = (torch.autograd.grad(c(leaf), of, upstream) for c, leaf, of in zip(convs, leaves, asked))
    return max(((one - other).abs().max() / other.abs().max()).item() for one, other in zip(found, wanted))


def main() -> None:
    """Try as many as the time allows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strided", action="store_true")
    asked = parser.parse_args()
    draw, until, tried, worst = random.Random(asked.seed), time.monotonic() + asked.seconds, 0, 0.0
    torch.manual_seed(asked.seed)
    while time.monotonic() < until:
        options, images = drawn(draw, strided=asked.strided), draw.choice([1, 2, 20, 36, 100])
        if options is None:
            continue
        print(images, options, file=sys.stderr, flush=True)
        worst = max(worst, *(apart(options, images, learns=learns) for learns in (True, False)))
        tried += 1
    print(f"{tried} convolutions; the largest relative difference is {worst:.1e}")


if __name__ == "__main__":
    main()
