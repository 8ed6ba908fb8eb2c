"""Images that a recipe makes, on which its networks can be trained instead of the training images.

They stand under `images` in a recipe. A kind is a task with an option `of`, the network that it works on, and `made`
gives `MadeImages`. It works in parts and keeps each of them, so that an interrupted attempt goes on where it was.
"""

import warnings
from functools import partial
from itertools import chain
from typing import Literal

import torch
from torch import Tensor, nn

from ..attacks import AnyAttack, AttackWarning, Ball, Precision, craft
from ..data import Splits, pixels
from ..data.layout import Entry
from ..data.parts import Part, forget, in_parts
from ..measuring.randomness import own_randomness
from ..resources import WithResources
from ..values import Count, value
from .artifacts import damaged
from .made_images import IMAGES, MadeImages, load_images, save_images
from .stage import Decider, Stage, Task, Work

_EXACT = 1e-3  # of a level of 256; what float32 adds to a whole number of levels is less


@value
class AdversarialImages(WithResources, Task):
    """Adversarial versions of the training images, crafted once on a finished network.

    Every image is attacked, also one that the network gets wrong, and every search goes to its end. Labels stay those
    of the training images. Training on these images attacks nothing any more, so it costs as much as training on clean
    ones; the objective `adversarial` attacks the network as it changes, which costs more and protects better.

    Departs: images are stored in 256 levels, as data sets are, and not in float32. They are rounded to the nearest
    levels, or towards the original image where the nearest levels would leave the ball.

    Reference: Tramèr et al. 2018, "Ensemble adversarial training", for training on examples of a network that was
    trained before and stays as it is; they craft in every epoch anew, on several such networks.
    """

    kind: Literal["adversarial"] = "adversarial"
    of: str
    """The network whose gradients are followed."""
    attack: AnyAttack
    with_clean: bool = False
    """Whether the untouched training images come with them, which makes twice as many."""
    batch_size: Count = 250
    """Images searched at a time."""
    precision: Precision = "auto"
    """Arithmetic of the search; auto takes bf16 where it is measured to be faster."""

    def __post_init__(self) -> None:
        if self.attack.targeted:
            raise ValueError("images keep their labels, so the attack must leave the true label: remove targeted: true")

    @property
    def revision(self) -> int:
        """That of the attack."""
        return self.attack.revision

    def spelling(self) -> dict[str, object]:
        """The options. What the network is called decides nothing; what it is enters as the parent."""
        return {name: said for name, said in super().spelling().items() if name != "of"}

    def decided_by(self) -> frozenset[Decider]:
        """The seed gives the random starts."""
        return frozenset({"seed", "images"})

    def effort(self, splits: Splits) -> float:
        """A gradient is two passes."""
        return len(splits.train) * (1.0 + 2.0 * self.attack.effort)

    def label(self) -> str:
        """What is made."""
        return "adversarial images"

    def run(self, work: Work) -> None:
        """Craft part by part, and keep all of them as one set."""
        model, images = work.parent().model, work.splits.train
        parts = partial(
            in_parts,
            lambda number, rows: self._part(number, rows, model, work),
            len(images),
            self.batch_size,
            work.folder,
            work.stage.key,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AttackWarning)  # said again in the records of what is trained on the images
            doubts = dict.fromkeys(doubt for part in parts() for doubt in part.warnings)
        clean = (images.x[first : first + self.batch_size] for first in range(0, len(images), self.batch_size))
        made = (part.tensors["x"] for part in parts())  # read again, so that no more than one is held
        y = torch.cat([images.y, images.y]) if self.with_clean else images.y
        entry = Entry(images.x.dtype, (len(y), *images.x.shape[1:]))
        save_images(work.folder / IMAGES, chain(clean if self.with_clean else (), made), entry, y, tuple(doubts))
        forget(work.folder, len(images), self.batch_size)

    def made(self, work: Work, stage: Stage) -> MadeImages:
        """The images with their labels."""
        path = work.finished(stage) / IMAGES
        read = load_images(path, work.splits.train)
        if read.images.x.shape[1:] != work.splits.train.x.shape[1:]:
            raise damaged(path, f"images of shape {tuple(read.images.x.shape[1:])}, not {work.splits.shape}")
        return read

    def _part(self, number: int, rows: slice, model: nn.Module, work: Work) -> Part:
        """A part, crafted with a seed of its own."""
        x, y = work.splits.train.x[rows].to(work.device), work.splits.train.y[rows].to(work.device)
        with own_randomness(work.device, seed=work.stage.seed * 1000 + number):
            crafted = craft(
                self.attack,
                model,
                x,
                y,
                batch_size=self.batch_size,
                precision=work.stage.arithmetic,
                judge=model,  # as if another judged: then no image is left out, and none leaves early
                progress=lambda text, done, _: work.progress(text, rows.start + done, len(work.splits.train)),
            )
        return Part({"x": in_levels(crafted.x_adv, x, self.attack.ball).cpu()}, crafted.warnings)


def in_levels(x_adv: Tensor, x: Tensor, ball: Ball) -> Tensor:
    """Adversarial images in the 256 levels of stored images, still in the ball.

    Args:
        x_adv: adversarial images, float32 in [0, 1], (n, channels, height, width).
        x: the images that they were made from; if these are not stored ones, `x_adv` is returned as it is.
        ball: where `x_adv` lies, around `x`.
    Returns:
        uint8 like `x`: the nearest levels, or towards `x` for an image that would leave the ball.
    """
    if x.is_floating_point():
        return x_adv
    original = pixels(x)
    change = (x_adv - original) * 255
    nearest = change.round()
    towards = change.sign() * (change.abs() + _EXACT).floor()
    inside = ball.contains(original + nearest / 255, original, slack=1e-5)
    chosen = torch.where(inside.reshape(-1, *[1] * (x.dim() - 1)), nearest, towards)
    return (x + chosen).to(torch.uint8)
