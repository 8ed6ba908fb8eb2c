"""A pruning curve: a plain loop over the rates against one walk along them.

    python benchmarks/pruning_curve.py --threads 1 --out results/benchmarks/pruning_curve.json

The plain loop prunes a copy at every rate and asks it about all images. A walk runs what lies before the first pruned
layer once; and where that layer is linear, it adds up the products of the weights that come back from rate to rate. The
row "before once" does the first only. The networks are not trained, which changes no time, and are pruned by absolute
value. All three ways must give the same labels, but for what float32 rounds: the share that agrees is in the notes.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from blackthorn.measuring.walk import Walk
from blackthorn.models import answers, mlp, parana_cnn
from blackthorn.pruning import Magnitude, Masks, Pruning, masks_by_scores
from timing import arguments, finish, rounds, table

BATCH = 1000
CURVES: dict[str, tuple[Callable[[], nn.Sequential], tuple[str, ...], list[float]]] = {  # network, layers, rates
    "PARANA's CNN, fc1, 90 to 99.8 %": (parana_cnn, ("fc1",), [0.9 + i * 0.002 for i in range(50)]),
    "PARANA's CNN, fc2, 70 to 99.6 %": (parana_cnn, ("fc2",), [0.7 + i * 0.004 for i in range(75)]),
    "PARANA's FC network, all layers, 1 to 99 %": (mlp, (), [i / 100 for i in range(1, 100)]),
}


def main() -> None:
    """Measure each curve."""
    options = arguments(__doc__)
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    x = torch.rand(options.images or 250, 1, 28, 28)
    rows = []
    for name, (make, layers, rates) in CURVES.items():
        ways = _ways(make().eval(), layers, rates, x)
        said = {way: torch.stack(answer()) for way, answer in ways.items()}
        alike = {way: f"{(one == said['plain loop']).float().mean():.5f} alike" for way, one in said.items()}
        print(f"\n{name}, {len(rates)} rates, {len(x)} images, {torch.get_num_threads()} threads")
        seconds = rounds(ways, options.rounds, options.clock)
        about = {"curve": name, "rates": len(rates), "images": len(x)}
        rows += [row | about for row in table(seconds, "plain loop", alike)]
    finish("pruning_curve", rows, options.out)


def _ways(
    model: nn.Module, layers: tuple[str, ...], rates: list[float], x: Tensor
) -> dict[str, Callable[[], list[Tensor]]]:
    """Each gives the labels of all images at every rate."""
    scores = Magnitude()(model, None, None)
    masks = {rate: _masks(model, scores, rate, layers, x) for rate in rates}
    walk, watched = (Walk(one, rates, lambda rate: [masks[rate]]) for one in (model, _watched(model)))
    return {
        "plain loop": lambda: list(_plainly(model, masks.values(), x)),
        "before once": lambda: list(watched.answers(x, BATCH))[::-1],
        "walk": lambda: list(walk.answers(x, BATCH))[::-1],
    }


def _masks(model: nn.Module, scores: Mapping[str, Tensor], rate: float, layers: tuple[str, ...], x: Tensor) -> Masks:
    pruning = Pruning(criterion=Magnitude(), sparsity=rate, scope="per_layer", floor=0, layers=layers)
    return masks_by_scores(model, pruning, scores, x=x[:1])


def _plainly(model: nn.Module, masks: Iterable[Masks], x: Tensor) -> Iterator[Tensor]:
    """A copy is pruned at every rate, and asked."""
    for at_rate in masks:
        pruned = copy.deepcopy(model)
        at_rate.apply_(pruned)
        with torch.no_grad():
            yield answers(pruned, x, batch_size=BATCH)


def _watched(model: nn.Module) -> nn.Module:
    """A copy whose linear layers have to be asked, since each call is watched."""
    copied = copy.deepcopy(model)
    for layer in copied.modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda *_: None)
    return copied


if __name__ == "__main__":
    main()
