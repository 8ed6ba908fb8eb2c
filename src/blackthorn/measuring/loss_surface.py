"""Loss surfaces: how the loss lies around test images, along the gradient's sign and along a random direction.

A network whose gradients lead an attack has a slope along the first direction and little along the second. One that
hides its gradients is flat there, or rises as much by chance as along the gradient, and may fall to another attack.
"""

import time
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator
from torch import Tensor, nn

from ..attacks.alarms import TOLERATED
from ..attacks.gradients import attacking, input_gradient
from ..attacks.losses import LOSSES, climbed
from ..data import Pixels, pixels
from ..errors import DataError, ModelError
from ..models import device_of, eval_mode
from ..resources import WithResources
from ..results import LossSurfaceRecord, mean_interval
from ..types import Progress
from ..values import Count, Positive, Whole, value
from .images import evenly, how_many
from .measure import Measure, Measurement, Subject

_FLAT = 0.01
"""A change of cross-entropy by this moves the probability of the true class by 1 %; of a margin it is as little."""


def _odd(points: int) -> int:
    if points < 3 or points % 2 == 0:
        raise ValueError("an odd number of at least 3 is wanted, so that the images themselves are in the middle")
    return points


@value
class LossSurface(WithResources, Measure):
    """The loss at `x + a * d1 + b * d2`, where d1 is the sign of the loss's gradient and d2 a random direction of +-1.

    Both a and b go from -eps to eps, and the loss is averaged over the images. Images that are moved out of [0, 1] are
    not clipped, so that the surface has no folds that the network has not. The random direction of an image is the
    same for every network.

    Reference: the pictures of the loss in Tramer et al. 2018, "Ensemble adversarial training", Figure 1, with a random
    direction of full length instead of an orthogonal one; averages over images as in Madaan et al. 2020, "Adversarial
    neural pruning with latent vulnerability suppression".
    """

    kind: Literal["loss_surface"] = "loss_surface"
    eps: Positive
    """The largest move along each direction, in pixels of [0, 1]."""
    points: Annotated[Count, AfterValidator(_odd)] = 41
    """How many moves there are along each direction; the network runs on every image for each of their pairs."""
    loss: Literal["ce", "margin"] = "ce"
    """ce (cross-entropy), or margin (the largest other logit minus that of the true class), which never saturates."""
    n_max: Count | None = 100
    """Average over only this many images, evenly spread over the set."""
    seed: Whole = 0
    """Of the random directions."""
    batch_size: Count = 250
    """Images at a time."""

    def __call__(
        self, model: nn.Module, x: Pixels, y: Tensor, *, progress: Progress | None = None
    ) -> LossSurfaceRecord:
        """The surface of a network, which is left as it was.

        Args:
            model: pixels to logits.
            x: images, uint8 or float32 in [0, 1], (n, channels, height, width).
            y: their true labels, int64 (n,).
            progress: called with ("loss surface", points done, points).
        Raises:
            DataError: fewer than two images, whose mean has no interval, or not as many labels.
            ModelError: a loss that is not finite.
        """
        if len(x) != len(y) or len(x) < 2:
            raise DataError(f"a loss surface wants at least 2 images with a label each, got {len(x)} and {len(y)}")
        start = time.perf_counter()
        index = evenly(len(x), self.n_max)
        device = device_of(model, x.device)
        x, y = pixels(x[index.to(x.device)].to(device)), y[index.to(y.device)].to(device).long()
        along, across = self._gradient_signs(model, x, y), random_signs(x, self.seed)
        losses = self._losses(model, x, y, along, across, progress)
        middle = self.points // 2
        rise = losses[-1, middle] - losses[middle, middle]
        low, high = mean_interval(rise.tolist())
        found = LossSurfaceRecord(
            value=float(rise.mean()),
            low=low,
            high=high,
            n=len(x),
            eps=self.eps,
            loss=self.loss,
            still=float((along.flatten(1) == 0).all(1).double().mean()),
            surface=tuple(tuple(round(one, 6) for one in row) for row in losses.mean(2).tolist()),
            seconds=round(time.perf_counter() - start, 3),
        )
        return replace(found, warnings=tuple(doubts(found)))

    def effort(self, images: int) -> float:
        """Every image once for each point."""
        return float(self.points**2 * how_many(images, self.n_max))

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """One record."""
        return Measurement([self(subject.model, subject.x, subject.y, progress=progress)])

    def _gradient_signs(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        signs = []
        for images, labels in zip(torch.split(x, self.batch_size), torch.split(y, self.batch_size)):
            leaf = images.clone().requires_grad_()
            with torch.autocast(x.device.type, enabled=False), attacking(model) as forward:
                signs.append(input_gradient(climbed(self.loss, forward(leaf), labels, targeted=False), leaf).sign())
        return torch.cat(signs)

    def _losses(
        self, model: nn.Module, x: Tensor, y: Tensor, along: Tensor, across: Tensor, progress: Progress | None
    ) -> Tensor:
        """Of each image at each point, float64 (points along, points across, n)."""
        moves = torch.linspace(-self.eps, self.eps, self.points, dtype=torch.float64).tolist()
        moves[self.points // 2] = 0.0
        losses = torch.empty(self.points, self.points, len(x), dtype=torch.float64)
        together = max(1, self.batch_size // len(x))  # columns, so that few images make whole batches
        with eval_mode(model), torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            for row, a in enumerate(moves):
                for first in range(0, self.points, together):
                    some = moves[first : first + together]
                    moved = torch.cat([x + a * along + b * across for b in some])
                    batches = zip(
                        torch.split(moved, self.batch_size), torch.split(y.repeat(len(some)), self.batch_size)
                    )
                    found = torch.cat([LOSSES[self.loss](model(batch), labels) for batch, labels in batches])
                    losses[row, first : first + together] = found.reshape(len(some), -1).cpu()
                if progress is not None:
                    progress("loss surface", (row + 1) * self.points, self.points**2)
        if not bool(torch.isfinite(losses).all()):
            bad = int((~torch.isfinite(losses)).any(0).any(0).sum())
            raise ModelError(f"{type(model).__name__} gives losses that are not finite around {bad} of {len(x)} images")
        return losses


def random_signs(x: Tensor, seed: int) -> Tensor:
    """+1 or -1 for each pixel, by chance and of the shape of the images; the same on every device."""
    chance = torch.Generator().manual_seed(seed)
    return (2 * torch.randint(0, 2, x.shape, generator=chance) - 1).to(x.device, x.dtype)


def doubts(found: LossSurfaceRecord) -> list[str]:
    """What the shape of a surface says against the gradients of its network, one line each; empty when all is well."""
    sign = "a possible sign of masked gradients; attack with {kind: autoattack} before you call the network robust"
    centre, ahead = found.centre, found.along[len(found.along) // 2 :]
    by_gradient, by_chance = max(ahead) - centre, max(found.across) - centre
    said = []
    if found.still > TOLERATED:
        said.append(f"the gradient of the loss is exactly zero for {found.still:.1%} of the images: {sign}")
    if max(found.highest - centre, centre - found.lowest) < _FLAT:
        said.append(f"the loss changes by less than {_FLAT:g} all over the surface: {sign}")
    elif by_chance > max(_FLAT, by_gradient):
        said.append(
            f"the loss rises by {by_chance:.3g} along a random direction and by {by_gradient:.3g} along its gradient: "
            f"{sign}"
        )
    return said
