"""The input gradient of a strided convolution: torch's backward pass against the sub-pixel formula.

    python benchmarks/input_gradient.py --out results/benchmarks/input_gradient.json

Decides in which layers `blackthorn.attacks` uses the formula: where the stride divides the kernel.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from blackthorn.attacks.gradients import _phases, _SubpixelConv
from timing import arguments, finish, rounds, table

LAYERS = {  # in, out, kernel, stride, padding, image size
    "Wang conv1: 1->32, 8x8 stride 2": (1, 32, 8, 2, 3, 28),
    "Wang conv2: 32->64, 6x6 stride 2": (32, 64, 6, 2, 0, 14),
    "ResNet: 64->128, 3x3 stride 2 (not used)": (64, 128, 3, 2, 1, 32),
}


def main() -> None:
    """Measure each layer in both precisions."""
    options = arguments(__doc__)
    rows = []
    for name, (channels, filters, k, s, p, side) in LAYERS.items():
        for dtype in (torch.float32, torch.bfloat16):
            conv = nn.Conv2d(channels, filters, k, s, p).to(dtype)
            x = torch.rand(250, channels, side, side, dtype=dtype).requires_grad_()
            weight, bias = conv.weight.detach(), conv.bias.detach()
            # The formula wants a kernel that the stride divides; a 3x3 one is padded to 4x4 to show what that costs.
            wide = F.pad(weight, (0, -k % s, 0, -k % s))
            native = F.conv2d(x, weight, bias, s, p)
            ours = _SubpixelConv.apply(x, weight, bias, _phases(wide, s), s, (p, p))
            gradient = torch.randn_like(native)
            back = partial(torch.autograd.grad, inputs=x, grad_outputs=gradient, retain_graph=True)
            seconds = rounds(
                {"torch": partial(back, native), "sub-pixel": partial(back, ours)}, max(11, options.rounds)
            )
            print(f"\n{name}, {str(dtype).removeprefix('torch.')}, batch 250, {torch.get_num_threads()} threads")
            rows += [row | {"layer": name, "dtype": str(dtype)} for row in table(seconds, "torch")]
    finish("input_gradient", rows, options.out)


if __name__ == "__main__":
    main()
