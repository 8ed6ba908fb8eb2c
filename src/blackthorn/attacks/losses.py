"""What an attack climbs: one number per image, larger when the network is more wrong.

Cross-entropy is what the papers use, and as they compute it, from softmax, it overestimates robustness: from a lead
of 16.6 on, the probability of the true class is exactly 1 in float32 and the gradient loses that class, and from 87 on
there is none left. So attacks climb the log-odds of being wrong instead, of which cross-entropy is an increasing
function: the direction is that of cross-entropy, exactly, at any scale of the logits. `arithmetic: naive` computes as
the papers do. All losses are computed in float32 whatever precision the logits came in.

Even the exact step is not always the one that reaches the nearest boundary, on a linear network with several classes;
that of the margin is.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

LossName = Literal["ce", "margin", "quadratic"]
Arithmetic = Literal["exact", "naive"]
"""How the gradient of cross-entropy is computed: exactly, or from softmax as the papers do."""
Reading = Literal["raw", "softmax"]
"""How a network's outputs are looked at: as they are, or as the probabilities that softmax makes of them."""


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """-log softmax(logits)[y], shape (batch,), with the gradient softmax(logits) - onehot(y).

    Good for approaching the class `y`. For leaving it see `log_odds`.
    """
    return F.cross_entropy(logits.float(), y, reduction="none")


def log_odds(logits: Tensor, y: Tensor) -> Tensor:
    """log((1 - p) / p) of the probability p of class `y`, shape (batch,): logsumexp of the others minus the own logit.

    Cross-entropy is its softplus, so both have the same direction of steepest ascent at every image.
    """
    logits = logits.float()
    own = logits.gather(1, y[:, None]).squeeze(1)
    return logits.scatter(1, y[:, None], -torch.inf).logsumexp(1) - own


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """Largest other logit minus the logit of `y`, shape (batch,); positive exactly when the image is misclassified.

    Reference: Carlini and Wagner 2017, "Towards evaluating the robustness of neural networks", f_6 without softmax.
    """
    logits = logits.float()
    own = logits.gather(1, y[:, None]).squeeze(1)
    return runner_up(logits, y).values - own


def runner_up(logits: Tensor, y: Tensor) -> "torch.return_types.max":
    """The largest logit that is not that of `y`: values and classes, each of shape (batch,)."""
    return logits.scatter(1, y[:, None], -torch.inf).max(1)


def quadratic(outputs: Tensor, y: Tensor) -> Tensor:
    """Half the mean squared distance of the outputs to the one-hot label, shape (batch,).

    Reference: the PARANA blog's linear-quadratic cost; as a loss to attack with it is reported to be weak.
    """
    target = F.one_hot(y, outputs.shape[1]).float()
    return 0.5 * (outputs.float() - target).square().mean(1)


LOSSES: dict[LossName, Callable[[Tensor, Tensor], Tensor]] = {
    "ce": cross_entropy,
    "margin": margin,
    "quadratic": quadratic,
}


def climbed(loss: LossName, logits: Tensor, y: Tensor, *, targeted: bool, arithmetic: Arithmetic = "exact") -> Tensor:
    """What an attack makes larger, shape (batch,): the loss, or minus the loss where `y` is the class to reach.

    Exactly computed cross-entropy is climbed by the log-odds: the same direction, but another length.
    """
    exact = loss == "ce" and arithmetic == "exact"
    value = (log_odds if exact else LOSSES[loss])(logits, y)
    return -value if targeted else value


def revision_of(loss: LossName, arithmetic: Arithmetic) -> int:
    """Of an attack with this loss: cross-entropy was computed from softmax before its gradients were made exact."""
    return 2 if loss == "ce" and arithmetic == "exact" else 1
