"""A bundle without zeros beside one of version 1, which held them all: how large it is, and how long it takes to load.

    python benchmarks/bundle_loading.py --out results/benchmarks/bundle_loading.json

Both are files of the same masked network, and are loaded in turns: read, built, and proved by the logits that it gave.
Seconds are of the processor, in one thread, so that other work on the machine has no part in them.
"""

import json
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

import blackthorn as bt
from blackthorn.deploy.proof import example_images, logits_on
from timing import arguments, finish, rounds, table

NETWORKS = {
    "resnet18": lambda: bt.models.resnet18(10),
    "mlp 2x2048": lambda: bt.models.mlp(10, hidden=(2048, 2048)),
    "wang_cnn": lambda: bt.models.wang_cnn(10),
}


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    torch.set_num_threads(options.threads or 1)
    rows = []
    for name, make in NETWORKS.items():
        for sparsity in (0.5, 0.95):
            if options.only in (None, name):
                rows += compared(name, make().eval(), sparsity, options.rounds)
    finish("bundle_loading", rows, options.out)


def compared(name: str, model: torch.nn.Module, sparsity: float, n: int) -> list[dict[str, object]]:
    """The rows of one network and rate."""
    masks = bt.pruning.prune(model, bt.pruning.Magnitude(), sparsity=sparsity, scope="per_layer")
    with tempfile.TemporaryDirectory() as folder:
        before, now = Path(folder) / "before.safetensors", Path(folder) / "now.safetensors"
        bt.deploy.save(now, model, masks=masks)
        as_before(before, model, masks)
        print(f"{name}, {sparsity:.0%} zeros: {before.stat().st_size:,} -> {now.stat().st_size:,} bytes", flush=True)
        ways = {
            # Until version 3, `load` built the network with first weights, which it then replaced.
            "version 1": lambda: (bt.models.build(model.architecture), bt.deploy.load(before)),
            "without zeros": lambda: bt.deploy.load(now),
        }
        rows = table(rounds(ways, n, clock=time.process_time), "version 1")
        sizes = {"version 1": before.stat().st_size, "without zeros": now.stat().st_size}
    return [{"network": name, "sparsity": sparsity, "bytes": sizes[row["name"]], **row} for row in rows]


def as_before(path: Path, model: torch.nn.Module, masks: bt.pruning.Masks) -> None:
    """Write a bundle of version 1."""
    architecture = model.architecture
    header = {"version": 1, "architecture": architecture, "masked": True, "about": {}}
    side = architecture["image_size"]
    images = example_images((architecture["in_channels"], side, side))
    tensors = {f"model.{key}": tensor.detach().clone() for key, tensor in model.state_dict().items()}
    tensors |= {f"mask.{key}": mask for key, mask in masks.items()}
    tensors |= {"example.images": images, "example.logits": logits_on(model, images)}
    save_file(tensors, path, {"blackthorn": json.dumps(header)})


if __name__ == "__main__":
    main()
