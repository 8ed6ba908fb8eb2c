"""How many parameters are left at 50 % of each layer, here and in torch-pruning 1.6.1, on ordinary foreign networks.

    pip install --no-deps torch-pruning==1.6.1
    PYTHONPATH=src:. python benchmarks/foreign_networks.py --out results/benchmarks/foreign_networks.json

Both remove half of the filters and hidden units of each layer, those with the smallest l1 norm, coupled ones together.
torch-pruning is asked with the layer of the logits left out, and told how many heads an attention has; where it fails,
the error is shown. The networks are those of tests/pruning/foreign.py, and two of tests/channels/wirings.py, seed 0.
"Off" is how far the network that is left is from the masked one on images that were not used, as a share of the largest
logit.
"""

import copy
import warnings

import torch
from tests.channels.networks import images, lively
from tests.channels.wirings import ClassToken, GroupedShuffle
from tests.pruning.foreign import NETWORKS
from torch import nn

from blackthorn.pruning import FilterNorm, prune, shrink
from timing import arguments, finish

HEADS = {"ViT": 2, "ClassToken": 4}


def size(model: nn.Module) -> int:
    """Parameters of a network."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def ours(model: nn.Module) -> tuple[int, float]:
    """What Blackthorn leaves, and how far that is from the masked network."""
    model = copy.deepcopy(model)
    prune(model, FilterNorm(include_linear=True), sparsity=0.5, scope="per_layer", coupled=True, x=images())
    small, batch = shrink(model, None, example=images()), torch.rand(16, 3, 8, 8)
    wanted = model(batch)
    return size(small), float((small(batch) - wanted).abs().max() / wanted.abs().max())


def theirs(model: nn.Module) -> tuple[int | None, str]:
    """The parameters that torch-pruning leaves, or what it raises."""
    import torch_pruning

    model, heads = copy.deepcopy(model), HEADS.get(type(model).__name__)
    try:
        pruner = torch_pruning.pruner.MagnitudePruner(
            model,
            images(),
            importance=torch_pruning.importance.MagnitudeImportance(p=1),
            pruning_ratio=0.5,
            num_heads={} if heads is None else {model.get_submodule("qkv"): heads},
            ignored_layers=[model.get_submodule("head.3") if hasattr(model, "head") else model.get_submodule("out")],
        )
        pruner.step()
        with torch.no_grad():
            model(images())
    except Exception as error:  # whatever it raises is its result
        return None, type(error).__name__
    return size(model), ""


def main() -> None:
    """One line for each network."""
    options = arguments(__doc__)
    warnings.simplefilter("ignore")
    print(f"{'network':14} {'before':>8} {'here':>8} {'off':>8} {'torch-pruning':>16}")
    rows = []
    for build in [*NETWORKS, ClassToken, GroupedShuffle]:
        torch.manual_seed(0)
        model = lively(build())
        (here, off), (there, error) = ours(model), theirs(model)
        print(f"{build.__name__:14} {size(model):8,} {here:8,} {off:8.1g} {error or f'{there:,}':>16}", flush=True)
        row = {"network": build.__name__, "before": size(model), "here": here, "off": off}
        rows.append({**row, "torch_pruning": there, "torch_pruning_error": error})
    finish("foreign_networks", rows, options.out)


if __name__ == "__main__":
    main()
