"""One step of PGD on Wang's network, batch 250, float32: what bounds an attack where no bf16 units help.

    python benchmarks/attack_step.py --store runs --rounds 10 --out results/benchmarks/attack_step.json

The plain loop's step also has gradients for the weights at hand; `frozen` has not. `channels last` keeps channels of a
pixel side by side, `products` takes some convolutions in other ways, and `attacks` is both, which is what they do. The
note of `attacks` is the share of its time in convolutions.
"""

import copy
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import blackthorn as bt
from blackthorn.attacks.gradients import attacking, input_gradient
from blackthorn.attacks.losses import log_odds
from networks import trained
from timing import arguments, finish, rounds, table


def step(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """A gradient by the images."""
    leaf = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    return input_gradient(log_odds(model(leaf), y), leaf)


def lent(model: nn.Module, x: Tensor, y: Tensor, *, ordered: bool) -> Tensor:
    """The same as attacks take it, with or without the order of memory that they choose."""
    with attacking(model, x if ordered else None) as forward:
        return step(forward, x, y)


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    torch.set_flush_denormal(True)
    splits, networks = trained(Path(__file__).with_name("networks.yaml"), options.store, options.data_root)
    n = options.images or 250
    x, y = bt.data.pixels(splits.test.x[:n]), splits.test.y[:n]
    plain = networks["pgd trained"].eval()
    frozen = copy.deepcopy(plain).requires_grad_(False)
    last = copy.deepcopy(frozen).to(memory_format=torch.channels_last)
    x_last = x.contiguous(memory_format=torch.channels_last)
    candidates = {
        "plain": partial(step, plain, x, y),
        "frozen": partial(step, frozen, x, y),
        "channels last": partial(step, last, x_last, y),
        "products": partial(lent, frozen, x, y, ordered=False),
        "attacks": partial(lent, frozen, x, y, ordered=True),
    }
    seconds = rounds(candidates, options.rounds, options.clock)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        lent(frozen, x, y, ordered=True)
    events = seen.key_averages()
    convolving = sum(one.self_cpu_time_total for one in events if "conv" in one.key.lower())
    share = convolving / sum(one.self_cpu_time_total for one in events)
    print(f"\none step, batch {n}, {torch.get_num_threads()} threads")
    finish("attack_step", table(seconds, "plain", {"attacks": f"{share:.0%} in convolutions"}), options.out)


if __name__ == "__main__":
    main()
