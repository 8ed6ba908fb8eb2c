"""Interval bounds: boxes pushed through the network, and the last linear layer merged into the margins.

Cheap enough for training, and of use on networks trained for it; on others boxes grow with every layer.

Reference: Gowal et al. 2018, On the Effectiveness of Interval Bound Propagation for Training Verifiably Robust Models.
"""

import torch
from torch import Tensor, nn

from .affine import Affine
from .boxes import Box, Eps, Norm, around
from .follow import follow, followed
from .images import checked
from .maps import Dense
from .operation import Network
from .propagate import propagate
from .rounding import EXACT, Claim, Rounding, rounding_of


def interval(model: nn.Module, x: Tensor, y: Tensor, norm: Norm, eps: float, *, claim: Claim = "exact") -> Tensor:
    """Lower bounds of the margins over the ball around each image, by intervals.

    The bound of class k is nowhere above logit y minus logit k, whatever was rounded on the way
    (see `claim`). An image is proved to stand where all are above 0.

    Args:
        model: any network that torch.fx can trace in eval mode; left as it was.
        x: images, float in [0, 1] or uint8, (batch, channels, height, width).
        y: true labels, int64 (batch,).
        norm: `linf` or `l2`; the ball is cut to [0, 1].
        eps: its radius, in pixels of [0, 1].
        claim: `rounded` holds for the network as it runs in float32 too; see `rounding`.
    Returns:
        float64 (batch, classes); infinity at the true class, minus infinity where a bound is not finite.
    Raises:
        ModelError: an operation that has no bounds, by name.
        DataError: images outside [0, 1], or labels that do not fit.
    Reference:
        Gowal et al. 2018, sec. 3; elision of the last layer in sec. 3.2 (eq. 9).
    """
    x, y = checked(x, y, eps, norm)
    network = followed(model, x, torch.float64)
    with torch.no_grad():
        rounding = rounding_of(model, torch.float64, claim)
        boxes = propagate(network, around(x.double(), eps, norm, rounding), rounding)
        return finished(margins(network, boxes, y, rounding), y)


def guiding(model: nn.Module, x: Tensor, y: Tensor, eps: Eps) -> Tensor:
    """As `interval` in linf, for training: with gradients to the weights, in float32, and without rounding's slack.

    The true class has margin 0.
    """
    network = follow(model, x[:2], torch.float32)
    return margins(network, propagate(network, around(x.float(), eps, "linf", EXACT), EXACT), y, EXACT)


def margins(network: Network, boxes: list[Box], y: Tensor, rounding: Rounding) -> Tensor:
    """Lower bounds of logit y minus every logit, (batch, classes), from boxes for every place."""
    last = network.steps[network.output - 1] if network.output else None
    if last is None or not (isinstance(last.operation, Affine) and isinstance(last.operation.map, Dense)):
        box = boxes[network.output]
        own = box.low.gather(1, y[:, None])
        noise = rounding.factor(0, 1) * (own.abs() + box.high.abs())
        return (own - box.high - noise).scatter(1, y[:, None], 0.0)
    weight, bias, box = last.operation.map.weight, last.operation.bias, boxes[last.inputs[0]]
    between = weight[y][:, None] - weight  # (batch, classes, features)
    constant = weight.new_zeros(1, 1) if bias is None else bias[0, y][:, None] - bias
    centre, radius = box.centre, box.radius
    slack = _twice(last.operation, box, y, rounding)
    found = (
        torch.einsum("bkf,bf->bk", between, centre)
        - torch.einsum("bkf,bf->bk", between.abs(), radius)
        + constant
        - slack
    )
    if box.ball is not None:
        factor = 1 + rounding.factor(0, weight.shape[1])
        reach = (between * box.ball.scale[:, None]).norm(dim=2) * factor
        reach = reach + torch.einsum("bkf,bf->bk", between.abs(), box.ball.noise) * factor
        found = torch.maximum(found, torch.einsum("bkf,bf->bk", between, box.ball.centre) - reach + constant - slack)
    return found


def finished(found: Tensor, y: Tensor) -> Tensor:
    """Infinity at the true class; what is not finite proves nothing."""
    found = torch.where(found.isfinite(), found, -torch.inf)
    return found.scatter(1, y[:, None], torch.inf)


def _twice(last: Affine, box: Box, y: Tensor, rounding: Rounding) -> Tensor | float:
    """What rounding does to a pair of logits and to their difference, (batch, classes)."""
    if not rounding.own:
        return 0.0
    size = box.magnitude
    if box.ball is not None:
        size = torch.maximum(size, box.ball.centre.abs() + box.ball.scale)
    noise = last.relax([Box(-size, size)], rounding).noise
    assert noise is not None
    return 2 * (noise.gather(1, y[:, None]) + noise)
