"""Four trained networks to four times smaller files: what every form weighs, takes, gets right and withstands.

    python benchmarks/ship.py --data-root DATA --out results/shipping
    python benchmarks/ship.py --quick --only mlp

Each network is trained, compressed by `bt.compress(smaller="4x")`, and both are exported to ONNX and int8. Nothing is
trained twice: everything lies in the store, and the page of each network beside it. An ONNX or int8 file is attacked by
images that are made on the network it was exported from, and by Square, which asks for logits alone; the lower of the
two is shown. A network in PyTorch is attacked by PGD with gradients of its own, and by Square.

`--quick` takes the embedded digits for all networks, two epochs, few images, and 20 points that may be lost instead of
2. The whole takes half an hour of one core.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

import blackthorn as bt
from blackthorn.experiment import Finished
from blackthorn.report.words import amount, percent
from blackthorn.results import AccuracyRecord, CostRecord
from blackthorn.running.provenance import made_with

_LOWEST = ("pgd", "transferred", "square")


class Separable(nn.Module):
    """A network of nobody's package: depthwise separable convolutions that answer with a dictionary."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(in_channels, 32, 3, padding=1), nn.ReLU()]
        for into, out, stride in ((32, 64, 1), (64, 96, 2), (96, 128, 2)):
            layers += [nn.Conv2d(into, into, 3, stride, 1, groups=into, bias=False), nn.BatchNorm2d(into), nn.ReLU()]
            layers += [nn.Conv2d(into, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(128, num_classes)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Images (batch, channels, height, width) to logits."""
        return {"logits": self.head(self.body(x))}


def separable(num_classes: int, in_channels: int) -> nn.Module:
    """The network that nobody's package has, for recipes: `ship:separable`."""
    return Separable(num_classes, in_channels)


_MNIST = {"data": {"source": "mnist"}, "eps": 0.1, "train": 5000, "images": 300}
_CIFAR = {"data": {"source": "cifar10"}, "eps": "2/255", "train": 2500, "tuned": 1, "images": 100}
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {**_MNIST, "model": {"kind": "mlp", "hidden": [300, 100]}, "epochs": 10, "tuned": 6},
    "wang_cnn": {**_MNIST, "model": {"kind": "wang_cnn"}, "epochs": 4, "tuned": 2},
    "resnet18": {**_CIFAR, "model": {"kind": "resnet18", "width": 8}, "epochs": 5},
    "foreign": {**_CIFAR, "model": {"kind": "ship:separable"}, "epochs": 5},
}
"""Each is trained for so many epochs on so many images, and every pruned one is tuned; so many images are attacked."""
_QUICK = {"source": "digits", "resize": 28}


def main() -> None:
    """Make what is not there yet, print the table, and write it."""
    options = _options()
    lines = []
    for name, asked in NETWORKS.items():
        if name in options.only:
            lines += _lines(name, _through(name, asked, options))
    _print(lines)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        about = {**made_with(torch.device("cpu")), "quick": options.quick, "rows": lines}
        (options.out / "shipping.json").write_text(json.dumps(about, indent=1) + "\n")
        (options.out / "table.md").write_text(_markdown(lines))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=None, help="folder with mnist and cifar10; else the hub")
    parser.add_argument("--store", type=Path, default=Path("runs"), help="where everything is kept")
    parser.add_argument("--out", type=Path, default=None, help="folder for the table and its numbers")
    parser.add_argument("--only", nargs="+", default=list(NETWORKS), choices=NETWORKS, help="only these networks")
    parser.add_argument("--quick", action="store_true", help="on digits, in a minute a network")
    parser.add_argument("--train", type=int, default=None, help="so many training images instead")
    return parser.parse_args()


def _through(name: str, asked: dict[str, Any], options: argparse.Namespace) -> Finished:
    """Train, compress, export and measure one network; what is done already is not done again."""
    data = {**(_QUICK if options.quick else asked["data"]), "valid": 0}
    data |= {} if options.quick else {"train": options.train or asked["train"], "test": 2000}
    epochs, tuned, seen = (2, 1, 50) if options.quick else (asked[name] for name in ("epochs", "tuned", "images"))
    splits = bt.load_data(**data, data_root=options.data_root)
    original = options.store / f"{name}.safetensors"
    if not original.is_file():
        torch.manual_seed(0)
        model = bt.models.build(asked["model"], num_classes=splits.num_classes, shape=splits.shape)
        schedule = bt.training.Cosine()
        bt.fit(model, splits.train, bt.objectives.CrossEntropy(), epochs=epochs, schedule=schedule, progress=None)
        options.store.mkdir(parents=True, exist_ok=True)
        bt.deploy.save(original, model)
    small = bt.compress(
        str(original),
        splits,
        smaller="4x",
        keep_accuracy=20 if options.quick else 2,
        epochs=tuned,
        n_max=seen,
        out=options.store / f"{name}-4x",
        store=options.store,
    )
    print(small.verdict, flush=True)
    forms = {name: original} | ({} if small.network is None else {f"{name} 4x": small.network})
    made = _forms(name, asked, data, forms, seen)
    recipe = options.store / f"{name}-forms.yaml"
    recipe.write_text(yaml.safe_dump(made, sort_keys=False))
    code = [kind] if ":" in (kind := asked["model"]["kind"]) else []
    return bt.run(recipe, jobs=1, allow_code=code, store=options.store, data_root=options.data_root)


def _forms(
    name: str, asked: dict[str, Any], data: dict[str, Any], bundles: dict[str, Path], seen: int
) -> dict[str, Any]:
    """Every network as it is, in ONNX and in int8."""
    few, eps = {"kind": "accuracy", "n_max": seen}, asked["eps"]
    pgd = {"kind": "pgd", "eps": eps, "steps": 20, "loss": "margin"}
    measures: dict[str, Any] = {
        "natural": {"kind": "accuracy"},
        "pgd": {**few, "attack": pgd},
        "square": {**few, "attack": {"kind": "square", "eps": eps, "queries": 300}},
        "cost": {"kind": "cost", "repeats": 20},
    }
    networks: dict[str, Any] = {}
    for row, file in bundles.items():
        transferred = f"transferred from {row}"
        measures[transferred] = {**few, "attack": pgd, "source": {"kind": "network", "name": row}}
        networks[row] = {"from": str(file.resolve()), "measures": ["natural", "pgd", "square", "cost"]}
        for format in ("onnx", "int8"):
            networks[f"{row} {format}"] = {
                "of": row,
                "steps": [{"kind": "export", "format": format}],
                "measures": ["natural", transferred, "square", "cost"],
            }
    return {
        "title": f"{name}, in every form",
        "data": data,
        "model": asked["model"],
        "networks": networks,
        "measures": measures,
    }


def _lines(name: str, finished: Finished) -> list[dict[str, Any]]:
    """A line of the table for each form."""
    accuracy = finished.grid.of(AccuracyRecord)
    lines = []
    for row in (one.name for one in finished.grid.rows):
        held = {metric.partition(" ")[0]: cells[0].record for (at, metric), cells in accuracy.items() if at == row}
        costs = [cell.record for cell in finished.grid.of(CostRecord)[row, "cost"]]
        form = next(one for one in ("int8", "onnx", "shrunk", "masked", "dense") if _has(costs, one))
        cost = {(one.metric, one.batch): one for one in costs if one.form == form}
        weakest = min((held[metric] for metric in _LOWEST if metric in held), key=lambda one: one.value)
        lines.append(
            {
                "network": name,
                "form": row,
                "bytes": cost["bytes", None].value,
                "latency_1_ms": cost["latency", 1].value,
                "latency_128_ms": cost["latency", 128].value,
                "natural": held["natural"].value,
                "natural_low": held["natural"].low,
                "natural_high": held["natural"].high,
                "attacked": weakest.value,
                "attacked_low": weakest.low,
                "attacked_high": weakest.high,
                "eps": weakest.eps,
                "images": weakest.n,
            }
        )
    return lines


def _has(costs: list[CostRecord], form: str) -> bool:
    return any(one.form == form and one.metric == "latency" for one in costs)


def _shown(line: dict[str, Any]) -> list[str]:
    natural, attacked = (
        f"{percent(line[name])} [{percent(line[name + '_low'])}, {percent(line[name + '_high'])}]"
        for name in ("natural", "attacked")
    )
    times = [amount(line[f"latency_{batch}_ms"], "ms") for batch in (1, 128)]
    return [line["form"], amount(line["bytes"], "bytes"), *times, natural, f"{attacked} at {line['eps']:.3g}"]


_HEAD = ["form", "bytes", "one image", "128 images", "natural accuracy, %", "under attack, %"]


def _markdown(lines: list[dict[str, Any]]) -> str:
    rows = [_HEAD, ["---"] * len(_HEAD), *map(_shown, lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _print(lines: list[dict[str, Any]]) -> None:
    print(_markdown(lines), flush=True)


if __name__ == "__main__":
    main()
