"""The losses of Auto-PGD: cross-entropy by its log-odds, the margin, and the difference of logits ratio (DLR)."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from .losses import log_odds, margin

APGDLoss = Literal["ce", "dlr", "margin"]
_GUARD = 1e-12  # of the reference implementation, against a denominator of 0


def ratio(logits: Tensor, y: Tensor) -> Tensor:
    """The margin, divided by how far the highest logit is above the third; the margin with fewer than three classes.

    It does not change when logits are shifted or scaled.

    Reference: Croce and Hein 2020, "Reliable evaluation of adversarial robustness", eq. 6.
    """
    if logits.shape[1] < 3:
        return margin(logits, y)
    top = logits.float().topk(3).values
    return margin(logits, y) / (top[:, 0] - top[:, 2] + _GUARD)


APGD_LOSSES: dict[APGDLoss, Callable[[Tensor, Tensor], Tensor]] = {
    "ce": log_odds,
    "dlr": ratio,
    "margin": margin,
}


def towards(loss: APGDLoss, logits: Tensor, y: Tensor, aim: Tensor) -> Tensor:
    """What is climbed to reach the class `aim` from `y`, shape (batch,).

    Reference: as above, eq. 7; with fewer than four classes the ratio is not defined, and the margin is taken.
    """
    if loss == "ce":
        return -log_odds(logits, aim)
    logits = logits.float()
    lead = logits.gather(1, aim[:, None]).squeeze(1) - logits.gather(1, y[:, None]).squeeze(1)
    if loss == "margin" or logits.shape[1] < 4:
        return lead
    top = logits.topk(4).values
    return lead / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + _GUARD)
