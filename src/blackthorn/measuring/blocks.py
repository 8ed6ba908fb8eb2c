"""Sets of images that are too large to be attacked in one piece: some at a time, and what is known of all of them.

The attack keeps several copies of what it works on, in float32, so that a set which fits into memory as bytes may not
fit there. Whether images are in memory or on disk decides nothing, so that the numbers are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..attacks import Crafted
from ..data import Pixels, pixels
from ..models.answers import Predict, answers
from ..speed.ranks import ALONE, Ranks
from ..types import Progress
from .threats import ThreatModel

_AT_ONCE = 256 * 1024**2  # bytes of float32: all of MNIST's and CIFAR's test images, some hundred of 224 x 224


def blocks(x: Pixels, batch_size: int) -> list[slice]:
    """Images that are attacked together: as many whole batches as take 256 MiB in float32, and at least one."""
    each = 4 * max(1, x.shape[1:].numel())
    some = max(1, _AT_ONCE // each // batch_size) * batch_size
    return [slice(first, min(first + some, len(x))) for first in range(0, len(x), some)]


@dataclass(frozen=True)
class Attacked:
    """What an attack did to all images."""

    crafted: Crafted
    """Its `x_adv` are those of the first block only."""
    mean_linf: float
    """Of the images that were changed."""
    mean_l2: float
    agreement: float | None
    """Share of the images, untouched, that the source of the attack and the network give the same label."""


@dataclass(frozen=True)
class _Part:
    """What an attack did to a block."""

    crafted: Crafted
    sizes: Tensor
    alike: int


def attacked(
    threat: ThreatModel,
    model: nn.Module | Predict,
    x: Pixels,
    y: Tensor,
    *,
    batch_size: int,
    source: nn.Module | None = None,
    ranks: Ranks = ALONE,
    progress: Progress | None = None,
) -> Attacked:
    """Attack all images, block by block, each with the random starts of the first.

    No block knows of another. So ranks that call this with the same arguments share the blocks, and find what one of
    them would find alone.

    Args:
        threat: how they are perturbed.
        model: who is to be fooled.
        x: images, uint8 or float32 in [0, 1], (n, ...), on the device of the networks, or read to it.
        y: true labels, int64 (n,).
        batch_size: images in a question.
        source: whose gradients are followed, where that is another network.
        ranks: who takes part; all of them call this.
        progress: called with (text, images done, images).
    Raises:
        BlackthornError: on all ranks, what one of them raises.
    """
    every = blocks(x, batch_size)
    shown: list[Tensor] = []

    def part(block: slice) -> _Part:
        some, alike = x[block], 0
        crafted = threat.perturb(model, some, y[block], progress=of_all(progress, block, len(x)))
        sizes = _sizes(crafted.x_adv, some)
        if source is not None:
            ours, theirs = (answers(one, pixels(some), batch_size=batch_size) for one in (model, source))
            alike = int((ours == theirs).sum())
        if block.start == 0:
            shown.append(crafted.x_adv)
        return _Part(_put(replace(crafted, x_adv=crafted.x_adv[:0]), "cpu"), sizes.cpu(), alike)

    shares = ranks.gathered(lambda: [part(block) for block in every[ranks.rank :: ranks.count]])
    found = [shares[number % ranks.count][number // ranks.count] for number in range(len(every))]
    x_adv = shown[0] if shown else torch.empty((every[0].stop, *x.shape[1:]), device=x.device)
    ranks.same_tensors([x_adv])
    linf, l2 = (float(each.mean()) if len(each) else 0.0 for each in torch.cat([one.sizes for one in found], 1))
    agreement = None if source is None else sum(one.alike for one in found) / len(x)
    whole = _put(joined([one.crafted for one in found]), x_adv.device)
    return Attacked(replace(whole, x_adv=x_adv), linf, l2, agreement)


def _put(crafted: Crafted, device: torch.device | str) -> Crafted:
    """What is known of the images on another device; the images stay."""
    labels = None if crafted.labels is None else crafted.labels.to(device)
    return replace(crafted, fooled=crafted.fooled.to(device), by=crafted.by.to(device), labels=labels)


def joined(parts: Sequence[Crafted]) -> Crafted:
    """What attacks on several blocks achieved, in one: the images of the first, and the doubts of all of them.

    An alarm that rings for some of the images counts for all. As thorough as the least thorough is the whole; pixels
    are dead that are so in every block.
    """
    first, *others = parts
    if not others:
        return first
    dead = [part.dead_pixels for part in parts if part.dead_pixels is not None]
    names = dict.fromkeys(name for part in parts for name in part.contributions)
    return Crafted(
        first.x_adv,
        torch.cat([part.fooled for part in parts]),
        torch.cat([part.by for part in parts]),
        "bf16" if any(part.precision == "bf16" for part in parts) else "float32",
        tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
        sum(part.seconds for part in parts),
        tuple(dict.fromkeys(alarm for part in parts for alarm in part.alarms)),
        min(dead, default=None),
        labels=None if first.labels is None else torch.cat([part.labels for part in parts if part.labels is not None]),
        contributions={name: sum(part.contributions.get(name, 0) for part in parts) for name in names},
        tier=min((part.tier for part in parts if part.tier is not None), key=_TIERS.index, default=None),
    )


_TIERS = ("screen", "standard", "full")  # from the least thorough on


def _sizes(x_adv: Tensor, x: Tensor) -> Tensor:
    """The linf and l2 size of the perturbations, float32 (2, images that were changed)."""
    delta = (x_adv - pixels(x)).flatten(1)
    delta = delta[delta.abs().amax(1) > 0]
    if not len(delta):
        return delta.new_zeros(2, 0)
    return torch.stack([delta.abs().amax(1), delta.norm(dim=1)])


def of_all(progress: Progress | None, block: slice, images: int) -> Progress | None:
    """Progress on the images of a block as progress on all of them."""
    if progress is None:
        return None
    return lambda text, done, _: progress(text, block.start + done, images)
