"""From a trained network to one small file, and from the file back to logits in another process.

python examples/ship_a_bundle.py
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import blackthorn as bt

RECEIVER = """
import sys, torch, blackthorn as bt
bundle = bt.deploy.load(sys.argv[1])
print("loaded:", bundle.about)
torch.manual_seed(1)
print("logits:", [round(z, 4) for z in bundle.model(torch.rand(1, 1, 16, 16))[0].tolist()])
"""


def main() -> None:
    """Train, remove half of the filters, save, and load in a fresh process."""
    torch.manual_seed(0)
    splits = bt.load_data("digits", resize=16)
    model = bt.models.lenet5_caffe(splits.num_classes, image_size=16)
    objective = bt.objectives.CrossEntropy()
    bt.fit(model, splits.train, objective, epochs=3)
    masks = bt.pruning.prune(model, bt.pruning.FilterNorm(), sparsity="50%", scope="per_layer")
    bt.fit(model, splits.train, objective, epochs=2, constraints=[bt.pruning.Hold(masks)])

    x = bt.data.pixels(splits.test.x)
    small = bt.pruning.shrink(model, masks, example=x[:1])
    accuracy = bt.measuring.Accuracy()(small, splits.test.x, splits.test.y).value
    with TemporaryDirectory() as folder:
        file = Path(folder) / "digits.safetensors"
        bt.deploy.save(file, small, about={"data": splits.name, "accuracy": round(accuracy, 4)})
        dense = 4 * bt.measuring.parameters(model)
        print(f"{file.name}: {file.stat().st_size:,} bytes; dense weights alone: {dense:,}")
        torch.manual_seed(1)
        with torch.no_grad():
            print("logits:", [round(z, 4) for z in small.eval()(torch.rand(1, 1, 16, 16))[0].tolist()])
        subprocess.run([sys.executable, "-c", RECEIVER, str(file)], check=True)


if __name__ == "__main__":
    main()
