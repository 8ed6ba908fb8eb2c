"""The input gradient of strided convolutions: torch's backward pass against the one by phases.

    python benchmarks/input_gradient.py --out results/benchmarks/input_gradient.json

Decides in which layers `blackthorn.attacks` works on phases: where the stride divides the kernel. The last rows time
two convolutions in a row, there and back, as the attack on Wang's network does at every step.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from blackthorn.attacks.gradients import attacking
from blackthorn.speed.strided import _Layout, _prepared, _StridedConv
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
            # Phases want a kernel that the stride divides; a 3x3 one is padded to 4x4 to show what that costs.
            wide = nn.Conv2d(channels, filters, k + -k % s, s, p)
            wide.weight.data = F.pad(conv.weight.detach(), (0, -k % s, 0, -k % s))
            layout = _Layout(wide.kernel_size[0], s, (p, p), taken=False, apart=1)
            native = conv(x)
            ours = _StridedConv.apply(
                x, conv.weight.detach(), conv.bias.detach(), _prepared(wide, layout, dtype)[2], layout
            )
            gradient = torch.randn_like(native)
            back = partial(torch.autograd.grad, inputs=x, grad_outputs=gradient, retain_graph=True)
            seconds = rounds({"torch": partial(back, native), "phases": partial(back, ours)}, max(11, options.rounds))
            print(f"\n{name}, {str(dtype).removeprefix('torch.')}, batch 250, {torch.get_num_threads()} threads")
            rows += [row | {"layer": name, "dtype": str(dtype)} for row in table(seconds, "torch")]
    pair = nn.Sequential(nn.Conv2d(1, 32, 8, 2, 3), nn.ReLU(), nn.Conv2d(32, 64, 6, 2)).requires_grad_(False)
    x = torch.rand(250, 1, 28, 28).requires_grad_()
    gradient = torch.randn_like(pair(x))

    def there_and_back() -> None:
        torch.autograd.grad(pair(x), x, gradient)

    def by_phases() -> None:
        with attacking(pair):
            there_and_back()

    for bf16 in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            seconds = rounds({"torch": there_and_back, "phases": by_phases}, max(11, options.rounds))
        dtype = "bf16" if bf16 else "float32"
        print(f"\nWang conv1 and conv2, there and back, {dtype}, batch 250, {torch.get_num_threads()} threads")
        rows += [row | {"layer": "Wang conv1 and conv2", "dtype": dtype} for row in table(seconds, "torch")]
    finish("input_gradient", rows, options.out)


if __name__ == "__main__":
    main()
