"""Magnitude: the smallest weights are removed first."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ...values import value
from ..layers import prunable_weights
from ..output import output_weights, without
from .criterion import Criterion, Granularity


@value
class Magnitude(Criterion):
    """Score weights by |w|: with scope "global" the class-blind rule of Wang, with "per_layer" PARANA's.

    Convolution and linear weights are scored; biases and norms never are.

    Reference:
        Wang et al. 2018, Adversarial Robustness of Pruned Neural Networks, sec. 3.1, after See et al. 2016;
        Gannon 2018 for the per-layer form.
    """

    granularity: ClassVar[Granularity] = "weights"
    kind: Literal["magnitude"] = "magnitude"
    include_output: bool = True
    """False leaves the layer that makes the logits dense, as PARANA's package does."""

    @torch.no_grad()
    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]:
        """Weight name -> scores of the weight's shape; larger is kept.

        `x` shows which layer makes the logits, where that is asked; `y` is not used.
        """
        weights = prunable_weights(model)
        if not self.include_output:
            weights = without(weights, output_weights(model, x))
        return {name: weight.detach().abs() for name, weight in weights.items()}
