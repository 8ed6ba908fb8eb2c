"""What an attack climbs: one number per image, larger when the network is more wrong.

Cross-entropy is what the papers use. It overestimates robustness in two ways: on a linear network with several
classes its sign step is not the one that reaches the nearest boundary, and when logits are large its gradient is
exactly zero in float32. The margin has neither fault. All losses are computed in float32 whatever precision the
logits came in.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

LossName = Literal["ce", "margin", "quadratic"]
Reading = Literal["raw", "softmax"]
"""How a network's outputs are looked at: as they are, or as the probabilities that softmax makes of them."""


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """-log softmax(logits)[y], shape (batch,)."""
    return F.cross_entropy(logits.float(), y, reduction="none")


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


def climbed(loss: LossName, logits: Tensor, y: Tensor, *, targeted: bool) -> Tensor:
    """What an attack makes larger, shape (batch,): the loss, or minus the loss where `y` is the class to reach."""
    value = LOSSES[loss](logits, y)
    return -value if targeted else value
