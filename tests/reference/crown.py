"""CROWN for one hidden layer, written out neuron by neuron as the paper has it: slow, and hard to get wrong.

Reference: Zhang et al. 2018, Theorem 3.2 for m = 2, with the adaptive lower line of sec. 3.3.
"""

import torch
from torch import Tensor, nn


def crown_of_one_hidden_layer(
    first: nn.Linear, last: nn.Linear, x: Tensor, y: int, eps: float, norm: str
) -> list[float]:
    """Lower bounds of logit y minus every logit for one image `x` (pixels,); the ball is not cut to [0, 1]."""
    w1, b1 = first.weight.detach().double(), first.bias.detach().double()
    w2, b2 = last.weight.detach().double(), last.bias.detach().double()
    x = x.double()

    def length(row: Tensor) -> float:
        return float(row.abs().sum()) if norm == "linf" else float(row.square().sum()) ** 0.5

    found = []
    for k in range(len(w2)):
        row = torch.zeros_like(x)
        constant = float(b2[y] - b2[k])
        for j in range(len(w1)):
            centre, reach = float(w1[j] @ x + b1[j]), eps * length(w1[j])
            low, high, weight = centre - reach, centre + reach, float(w2[y, j] - w2[k, j])
            if low >= 0:
                slope, shift = 1.0, 0.0
            elif high <= 0:
                slope, shift = 0.0, 0.0
            elif weight < 0:
                slope, shift = high / (high - low), -low * high / (high - low)
            else:
                slope, shift = (1.0 if high > -low else 0.0), 0.0
            row = row + weight * slope * w1[j]
            constant += weight * (slope * float(b1[j]) + shift)
        found.append(float(row @ x) + constant - eps * length(row))
    return found
