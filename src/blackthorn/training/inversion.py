"""Inverting features: an image in which a network sees what it sees in another image.

Whatever the network does not look at keeps what the starting image happened to have. On an adversarially trained
network that is all that an attack could use, so that inverted images hold robust features and no others.

Reference: Ilyas et al. 2019, "Adversarial examples are not bugs, they are features", sec. 3.1, eq. 6 and appendix C.3.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ..attacks.ball import direction
from ..attacks.gradients import Forward, attacking, input_gradient
from ..attacks.precision import resolve_for
from ..channels import penultimate
from ..data import Pixels, pixels
from ..data.loader import stream
from ..errors import DataError
from ..models import device_of
from ..speed.precision import Precision, arithmetic
from ..types import Progress
from ..values import Count, Positive, value

_NOISE = 1 / 20  # standard deviation; as public reconstructions of the robust data set begin from, about grey
_SHOWN_EVERY = 10  # steps


@dataclass(frozen=True, eq=False)
class Inverted:
    """Images that were made by inverting features, and how near the features came."""

    x: Tensor
    """float32 (images, channels, height, width) in [0, 1]: the last iterates."""
    distance: Tensor
    """float32 (images,): ||g(z) - g(x)|| / ||g(x)||, of features in float32."""
    before: Tensor
    """float32 (images,): the same at the starting images."""


@value
class Inversion:
    """Normalised gradient descent on the distance of features, in the box [0, 1]: z <- clip(z - s * g / ||g||).

    The features g are those of the penultimate layer, the distance is Euclidean, and the last iterate is taken. An
    image's result depends on the network, the images and the seed, and not on the batch it is in.

    Departs: the authors allow a ball of radius 1000 around the starting image, which holds the whole box, so here
    there is none. They use 1000 steps of 0.1, which is the default here too.

    Reference: Ilyas et al. 2019, appendix C.3 (steps and step size) and their published code.
    """

    steps: Count = 1000
    step_size: Positive = 0.1
    """Euclidean length of a step, in pixels of [0, 1]."""
    final_step_size: Positive | None = None
    """Length of the last step, which the steps come to linearly; by default all are alike."""
    start: Literal["image", "noise"] = "image"
    """Begin at another of the images, drawn at random and whatever its label; or at grey with a little noise."""
    fake_relu: bool = True
    """Let gradients pass the last ReLU before the features as if it were the identity, so that features that are zero
    at the start can grow."""

    def __call__(
        self,
        model: nn.Module,
        x: Pixels,
        *,
        rows: slice | None = None,
        seed: int = 0,
        batch_size: int = 250,
        precision: Precision = "auto",
        progress: Progress | None = None,
    ) -> Inverted:
        """Invert the features of every image.

        Args:
            model: any network with a penultimate layer; asked in eval mode and left as it was.
            x: images, uint8 or float32 in [0, 1], (images, channels, height, width).
            rows: invert only these of the images; the others may be where they start.
            seed: of the starts. Each image has a generator of its own.
            batch_size: images at a time.
            precision: arithmetic of the steps; `auto` takes bf16 where it is measured to be faster on this network.
            progress: called with (text, steps of images done, steps of images).
        Raises:
            ModelError: the network has no penultimate layer.
            PruningError: the network cannot run on the images.
            DataError: pixels outside [0, 1], or a single image, which has no other to start at.
        """
        wanted = range(len(x))[rows or slice(None)]
        device = device_of(model, x.device)
        starts = self._starts(len(x), wanted, seed)
        parts: list[Inverted] = []
        features = penultimate(model, pixels(x[:1]).to(device), fake_relu=self.fake_relu)
        example = pixels(x[list(wanted[:batch_size])]).to(device)
        chosen = resolve_for(precision, model, example)
        with arithmetic(chosen, device), attacking(model, example):
            for first in range(0, len(wanted), batch_size):
                batch = list(wanted[first : first + batch_size])
                z = self._started(x, batch, starts, seed).to(device)
                told = None if progress is None else _Told(progress, first, len(batch), len(wanted), self.steps)
                parts.append(self._descend(features, pixels(x[batch]).to(device), z, told))
        return Inverted(*(torch.cat([getattr(part, name) for part in parts]) for name in ("x", "distance", "before")))

    def start_of(self, x: Pixels, row: int, *, seed: int = 0) -> Tensor:
        """Where the inversion of one of the images starts, float32 (channels, height, width)."""
        return self._started(x, [row], self._starts(len(x), range(row, row + 1), seed), seed)[0]

    def _starts(self, images: int, rows: range, seed: int) -> dict[int, int]:
        """Which other image each begins at."""
        if self.start == "noise":
            return {}
        if images < 2:
            raise DataError("one image has no other to start at; give more of them, or write start: noise")
        drawn = {row: int(torch.randint(images - 1, (), generator=stream("start", seed, row))) for row in rows}
        return {row: other + (other >= row) for row, other in drawn.items()}

    def _started(self, x: Pixels, rows: list[int], starts: dict[int, int], seed: int) -> Tensor:
        if self.start == "image":
            return pixels(x[[starts[row] for row in rows]])
        noise = torch.stack([torch.randn(x.shape[1:], generator=stream("start", seed, row)) for row in rows])
        return (0.5 + _NOISE * noise).clamp_(0, 1)

    def _length(self, step: int) -> float:
        if self.final_step_size is None or self.steps == 1:
            return self.step_size
        return self.step_size + (self.final_step_size - self.step_size) * step / (self.steps - 1)

    def _descend(self, features: Forward, x: Tensor, z: Tensor, told: "_Told | None") -> Inverted:
        """One forward pass of the network as far as the features, and one backward pass, for each step."""
        aim = _exact(features, x)
        before = _distance(_exact(features, z), aim)
        for step in range(self.steps):
            leaf = z.requires_grad_()
            gradient = input_gradient(_distance(features(leaf), aim), leaf)
            z = (z.detach() - self._length(step) * direction(gradient, "l2")).clamp_(0, 1)
            if told is not None and (step % _SHOWN_EVERY == 0 or step == self.steps - 1):
                told(step + 1)
        return Inverted(z, _distance(_exact(features, z), aim), before)


def _exact(features: Forward, x: Tensor) -> Tensor:
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        return features(x)


def _distance(features: Tensor, aim: Tensor) -> Tensor:
    """Relative to the length of the aim, (images,); where that is zero, the length of the features themselves."""
    length = aim.norm(dim=1)
    distance: Tensor = (features.float() - aim).norm(dim=1) / torch.where(length > 0, length, 1.0)
    return distance


@dataclass(frozen=True)
class _Told:
    """Steps of a batch as steps of all images."""

    progress: Progress
    first: int
    batch: int
    images: int
    steps: int

    def __call__(self, step: int) -> None:
        done = self.first * self.steps + self.batch * step
        self.progress(f"invert, step {step} of {self.steps}", done, self.images * self.steps)
