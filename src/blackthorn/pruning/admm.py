"""ADMM: weights are drawn towards the sparse ones nearest to them while they are trained, and pruned afterwards.

Reference: Zhang et al. 2018, "A systematic DNN weight pruning framework using alternating direction method of
multipliers"; Ye et al. 2019, "Adversarial robustness vs. model compression, or both?", whose code has the constants.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from ..errors import PruningError
from ..values import Count, Number, Positive, Rate, value
from .allocation import in_layers, removal_count, smallest
from .layers import filter_weights, prunable_weights
from .pruning import some


@value
class ADMM:
    """Draws every weight tensor W towards its sparse counterpart Z, which is chosen anew every `period` epochs.

    The loss gets rho/2 ||W - Z + U||² for each tensor. After every `period` epochs rho grows, Z becomes the projection
    of W + U on the sparse tensors, and U, the sum of what is left over, grows by W - Z. At the beginning Z is the
    projection of W, and U is zero.

    This is the middle one of three trainings. The network is trained before; after it, a step `prune` with the same
    sparsity and scope `per_layer` removes what is small by then, and a third training makes up for the loss.

    Departs: the authors take percentiles, which drop weights that tie; here the number of weights is exact.
    """

    kind: Literal["admm"] = "admm"
    sparsity: Annotated[Rate, AfterValidator(some)]
    """Fraction of each tensor to remove: 0.8 or 80%."""
    unit: Literal["weights", "filters"] = "weights"
    """What the projection keeps: the weights of largest magnitude, or the filters of largest l2 norm."""
    rho: Positive = 1e-3
    """Strength at the beginning."""
    growth: Annotated[Number, Field(ge=1)] = 1.3
    """Multiplies the strength at every update."""
    period: Count = 4
    """Epochs between updates: 4 for MNIST and 20 for CIFAR in the authors' code."""
    layers: tuple[str, ...] = ()
    """These layers only, by name or pattern; by default every convolution and linear layer."""

    def __call__(self, model: nn.Module) -> "Drawn":
        """The constraint on this network, from its weights as they are.

        Raises:
            PruningError: the network has no such layer.
        """
        return Drawn(self, model)

    def names(self, model: nn.Module) -> list[str]:
        """The weights that are drawn.

        Raises:
            PruningError: `layers` names one that the network does not have.
        """
        held = prunable_weights(model) if self.unit == "weights" else filter_weights(model, linear=True)
        return in_layers(held, self.layers)

    def project(self, weight: Tensor) -> Tensor:
        """The nearest tensor with `sparsity` of its entries, or of its rows, zero; a new one."""
        weight = weight.detach()
        sizes = weight.abs() if self.unit == "weights" else weight.flatten(1).norm(dim=1)
        gone = smallest(sizes, sizes, removal_count(sizes.numel(), self.sparsity))
        return weight.masked_fill(gone if self.unit == "weights" else gone.view(-1, *[1] * (weight.dim() - 1)), 0.0)


class Drawn:
    """A constraint of the trainer: what `ADMM` describes, with its dual variables."""

    def __init__(self, options: ADMM, model: nn.Module) -> None:
        self.options = options
        held = prunable_weights(model)
        self.names = options.names(model)
        self.rho = torch.tensor(options.rho, dtype=torch.float64)
        self.sparse = {name: options.project(held[name]) for name in self.names}
        """Z, by parameter name."""
        self.dual = {name: torch.zeros_like(held[name]) for name in self.names}
        """U, by parameter name."""

    def penalty(self, model: nn.Module) -> Tensor:
        """The sum over all tensors of rho/2 ||W - Z + U||²."""
        parameters = dict(model.named_parameters())
        apart = [(parameters[name] - self.sparse[name] + self.dual[name]).square().sum() for name in self.names]
        return 0.5 * float(self.rho) * torch.stack(apart).sum()

    def after_step(self, model: nn.Module) -> None:
        """Nothing: weights are drawn, not put."""

    @torch.no_grad()
    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        """At the end of every period: a stronger pull, towards a new Z."""
        if (epoch + 1) % self.options.period:
            return
        parameters = dict(model.named_parameters())
        self.rho *= self.options.growth
        for name in self.names:
            weight = parameters[name].detach()
            self.sparse[name] = self.options.project(weight + self.dual[name])
            self.dual[name] = self.dual[name] + weight - self.sparse[name]

    @torch.no_grad()
    def distance(self, model: nn.Module) -> float:
        """||W - Z|| over all tensors: how far the weights are from sparse ones."""
        parameters = dict(model.named_parameters())
        apart = [(parameters[name] - self.sparse[name]).square().sum() for name in self.names]
        return torch.stack(apart).sum().sqrt().item()

    def state_dict(self) -> dict[str, Tensor]:
        """rho, and Z and U by parameter name."""
        sparse = {f"sparse.{name}": held for name, held in self.sparse.items()}
        return {"rho": self.rho, **sparse, **{f"dual.{name}": held for name, held in self.dual.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the state of a checkpoint.

        Raises:
            PruningError: it is that of another network.
        """
        if set(state) != set(self.state_dict()):
            other = sorted(set(state) ^ set(self.state_dict()))[0]
            raise PruningError(f"checkpoint draws other weights than this run ('{other}' is in one only); start anew")
        self.rho = state["rho"].clone()
        for name in self.names:
            self.sparse[name] = state[f"sparse.{name}"].to(self.sparse[name])
            self.dual[name] = state[f"dual.{name}"].to(self.dual[name])
