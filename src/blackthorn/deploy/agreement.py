"""How far what runs a file is from the network that it was made of, on random and on real images."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..data import Pixels, pixels
from ..measuring.images import evenly
from ..models.outputs import logits_from
from .proof import example_images

_MOST_IMAGES = 512  # real images, evenly spread over those given
_RANDOM = 12  # beside a black, a white and two random images
_SAME = 1e-4  # of the largest logit, and of 1 where logits are smaller: float32 summed in another order
_UNDECIDED = 1e-6  # of the largest logit: a lead of the size of float32's rounding, which no runtime keeps
_MOST_ALIKE = 0.5  # what decides more images otherwise is no version of the network


@dataclass(frozen=True)
class Agreement:
    """A file beside its network."""

    difference: float
    """The largest distance between two logits."""
    largest: float
    """The largest logit of the network."""
    decisions: float
    """The share of the images that are decided alike."""
    images: int

    def refused(self, *, exact: bool) -> str | None:
        """Why the file must not be given out; None if it may. An exact one has the network's logits and decisions."""
        if not exact:
            if self.decisions > _MOST_ALIKE:
                return None
            share = f"{self.decisions:.0%} of {self.images} images"
            return f"it decides only {share} as the network does; calibrate on images as the network was trained on"
        if not self.difference <= _SAME * max(1.0, self.largest):
            return f"its logits differ by {self.difference:.2g}, where the largest is {self.largest:.2g}"
        if self.decisions < 1:
            return f"it decides {1 - self.decisions:.1%} of {self.images} images in another way"
        return None

    def __str__(self) -> str:
        alike = "all decisions alike" if self.decisions == 1 else f"{self.decisions:.1%} of decisions alike"
        return f"logits differ by up to {self.difference:.1e}, {alike}, on {self.images} images"


def shown_images(shape: tuple[int, int, int], real: Pixels | None) -> Tensor:
    """A black, a white and random images, always the same, and real ones: float32 (images, *shape)."""
    chance = torch.Generator().manual_seed(1)
    drawn = [example_images(shape).float() / 255, torch.rand(_RANDOM, *shape, generator=chance)]
    some = some_of(real)
    return torch.cat(drawn if some is None else [*drawn, some])


def some_of(real: Pixels | None) -> Tensor | None:
    """Some of the images, evenly spread, in float32; None where there are none."""
    if real is None or not len(real):
        return None
    return pixels(real[evenly(len(real), _MOST_IMAGES).to(real.device)]).cpu()


@torch.no_grad()
def agreement(runs: Callable[[Tensor], Tensor], network: nn.Module, images: Tensor) -> Agreement:
    """Ask both about the same images: the file in batches of 1, of 7 and of up to 128."""
    sizes = [1, 7, *[128] * (len(images) // 128 + 1)]
    given = torch.split(images, _within(sizes, len(images)))
    wanted = torch.cat([logits_from(network, batch).float() for batch in given])
    read = torch.cat([runs(batch) for batch in given])
    if read.shape != wanted.shape or not bool(torch.isfinite(read).all()):
        return Agreement(float("inf"), float(wanted.abs().max()), 0.0, len(images))
    largest = float(wanted.abs().max())
    first, second = wanted.topk(2, dim=1).values.T if wanted.shape[1] > 1 else (wanted[:, 0], wanted[:, 0] - 1)
    alike = (read.argmax(1) == wanted.argmax(1)) | (first - second <= _UNDECIDED * largest)
    return Agreement(float((read - wanted).abs().max()), largest, float(alike.float().mean()), len(images))


def _within(sizes: list[int], total: int) -> list[int]:
    """The sizes as far as there are images."""
    found: list[int] = []
    for size in sizes:
        found.append(min(size, total - sum(found)))
    return [size for size in found if size]
