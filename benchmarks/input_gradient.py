"""The input gradient of convolutions: torch's backward pass against those by phases and by a product of matrices.

    python benchmarks/input_gradient.py --out results/benchmarks/input_gradient.json

Decides in which layers attacks use which: `blackthorn.speed.convolutions`. The last rows time two convolutions in a
row, there and back, as the attack on Wang's network does at every step.
"""

from functools import partial

import torch
from torch import nn

from blackthorn.attacks.gradients import attacking
from blackthorn.speed.memory import keep_freed_memory
from blackthorn.speed.products import _Folded
from blackthorn.speed.strided import phased
from timing import arguments, finish, rounds, table

BATCH = 250
LAYERS = {  # in, out, kernel, stride, padding, image size
    "Wang conv1: 1->32, 8x8 stride 2": (1, 32, 8, 2, 3, 28),
    "Wang conv2: 32->64, 6x6 stride 2": (32, 64, 6, 2, 0, 14),
    "first of ResNet and VGG: 3->64, 3x3": (3, 64, 3, 1, 1, 32),
    "patches of a transformer: 3->64, 4x4 stride 4": (3, 64, 4, 4, 0, 32),
    "first of a small CNN: 3->16, 3x3 (not used)": (3, 16, 3, 1, 1, 32),
    "ResNet: 64->128, 3x3 stride 2 (not used)": (64, 128, 3, 2, 1, 32),
}


def main() -> None:
    """Measure each layer in both precisions."""
    options = arguments(__doc__)
    keep_freed_memory()
    emulated = torch.backends.cpu.get_cpu_capability() == "AVX2"  # nobody computes in bf16 there
    rows = []
    for name, (channels, filters, k, s, p, side) in LAYERS.items():
        for dtype in (torch.float32,) if emulated else (torch.float32, torch.bfloat16):
            conv = nn.Conv2d(channels, filters, k, s, p).to(dtype).requires_grad_(False)
            x = torch.rand(BATCH, channels, side, side, dtype=dtype).requires_grad_()
            outputs = {"torch": conv(x)}
            if by_phases := phased(conv, [conv]).get(conv):
                outputs["phases"] = by_phases(x)
            if dtype == torch.float32:
                outputs["product"] = _Folded.apply(x, conv.weight, conv.bias, conv.stride, conv.padding)
            gradient = torch.randn_like(outputs["torch"])
            back = partial(torch.autograd.grad, inputs=x, grad_outputs=gradient, retain_graph=True)
            ways = {way: partial(back, output) for way, output in outputs.items()}
            seconds = rounds(ways, max(11, options.rounds), options.clock)
            print(f"\n{name}, {str(dtype).removeprefix('torch.')}, batch {BATCH}, {torch.get_num_threads()} threads")
            rows += [row | {"layer": name, "dtype": str(dtype)} for row in table(seconds, "torch")]
    pair = nn.Sequential(nn.Conv2d(1, 32, 8, 2, 3), nn.ReLU(), nn.Conv2d(32, 64, 6, 2)).requires_grad_(False)
    x = torch.rand(BATCH, 1, 28, 28).requires_grad_()
    gradient = torch.randn_like(pair(x))

    def there_and_back() -> None:
        torch.autograd.grad(pair(x), x, gradient)

    def as_in_attacks() -> None:
        with attacking(pair):
            there_and_back()

    for bf16 in (False,) if emulated else (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            seconds = rounds(
                {"torch": there_and_back, "as in attacks": as_in_attacks}, max(11, options.rounds), options.clock
            )
        dtype = "bf16" if bf16 else "float32"
        print(f"\nWang conv1 and conv2, there and back, {dtype}, batch {BATCH}, {torch.get_num_threads()} threads")
        rows += [row | {"layer": "Wang conv1 and conv2", "dtype": dtype} for row in table(seconds, "torch")]
    finish("input_gradient", rows, options.out)


if __name__ == "__main__":
    main()
