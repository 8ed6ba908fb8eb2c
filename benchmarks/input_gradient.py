"""The input gradient of convolutions: torch's backward pass against those by phases and by a product of matrices.

    python benchmarks/input_gradient.py --out results/benchmarks/input_gradient.json

Decides in which layers attacks use which: `blackthorn.speed.convolutions`. The last rows time whole networks, there and
back, as attacks do at every step: by torch alone, by phases wherever a stride divides its kernel, and as attacks do.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import nn

from blackthorn.attacks.gradients import attacking, input_gradient
from blackthorn.models import build
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
    "6x6 stride 2, 3->32": (3, 32, 6, 2, 2, 32),
    "ResNet: 64->128, 3x3 stride 2 (not used)": (64, 128, 3, 2, 1, 32),
}
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {  # and their images
    "Wang's CNN": (lambda: build({"kind": "wang_cnn"}, num_classes=10, shape=(1, 28, 28)), (1, 28, 28)),
    "4x4 stride 2, 3->64->128->256": (
        lambda: nn.Sequential(*_layers(3, 64, 4), *_layers(64, 128, 4), *_layers(128, 256, 4), nn.Flatten()),
        (3, 32, 32),
    ),
    "4x4 stride 2, 1->16->32": (
        lambda: nn.Sequential(*_layers(1, 16, 4), *_layers(16, 32, 4), nn.Flatten()),
        (1, 28, 28),
    ),
    "6x6 stride 2, 3->32": (lambda: nn.Sequential(*_layers(3, 32, 6), nn.Flatten()), (3, 32, 32)),
}
BATCHES = (10, 80, 250)


def _layers(channels: int, filters: int, kernel: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(channels, filters, kernel, 2, kernel // 2 - 1), nn.ReLU()


@contextmanager
def on_phases(model: nn.Module, x: torch.Tensor) -> Iterator[None]:
    """As an attack, but by phases wherever that can be, whatever the arithmetic."""
    forwards = phased(model, [module for module in model.modules() if isinstance(module, nn.Conv2d)])
    for conv, forward in forwards.items():
        conv.forward = forward  # type: ignore[method-assign,assignment]
    try:
        with attacking(model):
            yield
    finally:
        for conv in forwards:
            del conv.forward


def alone(model: nn.Module, x: torch.Tensor) -> AbstractContextManager[None]:
    """torch by itself."""
    return nullcontext()


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
    for name, (make, shape) in NETWORKS.items():
        model = make().eval()
        for bf16 in (False,) if emulated else (False, True):
            for batch in BATCHES:
                x, clocked = torch.rand(batch, *shape).requires_grad_(), {}
                with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                    # Each way is entered once for all of its gradients, as by an attack; so they take no turns.
                    for way, entered in {"torch": alone, "phases": on_phases, "as in attacks": attacking}.items():
                        with entered(model, x):  # type: ignore[operator]
                            step = partial(_there_and_back, model, x)
                            clocked |= rounds({way: step}, max(11, options.rounds), options.clock)
                dtype = "bf16" if bf16 else "float32"
                print(f"\n{name}, there and back, {dtype}, batch {batch}, {torch.get_num_threads()} threads")
                rows += [row | {"network": name, "dtype": dtype, "batch": batch} for row in table(clocked, "torch")]
    finish("input_gradient", rows, options.out)


def _there_and_back(model: nn.Module, x: torch.Tensor) -> None:
    input_gradient(model(x).float().sum(1), x)


if __name__ == "__main__":
    main()
