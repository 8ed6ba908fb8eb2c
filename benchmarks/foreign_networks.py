"""How many parameters are left at 50 % of each layer, here and in torch-pruning 1.6.1, on ordinary foreign networks.

    pip install --no-deps torch-pruning==1.6.1
    PYTHONPATH=src:. python benchmarks/foreign_networks.py

Both remove half of the filters and hidden units of each layer, those with the smallest l1 norm, coupled ones together.
torch-pruning is asked with the layer of the logits left out; where it fails, the error is shown. The networks are those
of tests/pruning/foreign.py, seed 0.
"""

import copy
import warnings

import torch
from tests.channels.networks import images, lively
from tests.pruning.foreign import NETWORKS
from torch import nn

from blackthorn.pruning import FilterNorm, prune, shrink


def size(model: nn.Module) -> int:
    """Parameters of a network."""
    return sum(parameter.numel() for parameter in model.parameters())


def ours(model: nn.Module) -> nn.Module:
    """The network, shrunk by Blackthorn."""
    model = copy.deepcopy(model)
    prune(model, FilterNorm(include_linear=True), sparsity=0.5, scope="per_layer", coupled=True, x=images())
    return shrink(model, None, example=images())


def theirs(model: nn.Module) -> str:
    """The parameters that torch-pruning leaves, or what it raises."""
    import torch_pruning

    model = copy.deepcopy(model)
    try:
        pruner = torch_pruning.pruner.MagnitudePruner(
            model,
            images(),
            importance=torch_pruning.importance.MagnitudeImportance(p=1),
            pruning_ratio=0.5,
            ignored_layers=[model.get_submodule("head.3") if hasattr(model, "head") else model.get_submodule("out")],
        )
        pruner.step()
        with torch.no_grad():
            model(images())
    except Exception as error:  # whatever it raises is its result
        return f"{type(error).__name__}"
    return f"{size(model):,}"


def main() -> None:
    """One line for each network."""
    warnings.simplefilter("ignore")
    print(f"{'network':14} {'before':>8} {'here':>8} {'torch-pruning':>16}")
    for build in NETWORKS:
        torch.manual_seed(0)
        model = lively(build())
        print(f"{build.__name__:14} {size(model):8,} {size(ours(model)):8,} {theirs(model):>16}")


if __name__ == "__main__":
    main()
