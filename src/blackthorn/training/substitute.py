"""A substitute for a network that only answers: trained on its answers, attacked in its place.

An attacker who may ask a network for labels, and for nothing else, trains one of their own on images that they have
and on variations of them; adversarial images made on it often fool the other too. It lives among trainings, since
attacks stand below training and cannot call it; what it is worth is measured by `Accuracy(source=Substitute())`.

Reference: Papernot et al. 2017, "Practical black-box attacks against machine learning", sec. 4 and algorithm 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from ..attacks.gradients import attacking, input_gradient
from ..attacks.inputs import checked
from ..data import ImageSet, Pixels
from ..errors import DataError, ModelError
from ..models import build, device_of
from ..models.answers import Array, Predict, answers, with_tensors
from ..models.init import he_normal_
from ..objectives import CrossEntropy
from ..types import Progress
from ..values import Count, Number, Positive, value
from .optimizers import Adam
from .trainer import fit


@dataclass(frozen=True, eq=False)
class Substituted:
    """A substitute that has been trained, and what it took."""

    model: nn.Module
    """From images in [0, 1] to logits."""
    holdout: int
    """How many images the attacker began with, the first of those given: not to be measured on."""
    queries: int
    """Labels that were asked for."""
    agreement: float
    """Share of its own training points to which it gives the label that it was told, in [0, 1]."""
    history: Sequence[Mapping[str, float]] = ()
    """A line for each epoch: that of `fit`, with its `round` and its `points`."""
    images: ImageSet | None = None
    """What the last round was trained on, float32 and not clipped to [0, 1]; None when read back from a store."""


@value
class Substitute:
    """A network trained on another's answers, for attacks that see no more than labels.

    Jacobian-based augmentation: each round trains on all points there are, then moves each of them by `lam` along the
    sign of the gradient of the logit of its label, and asks the oracle for the labels of the new ones. The first
    images keep their true labels, as in the authors' code, so that only new points are asked about. Points are not
    clipped to [0, 1]. Each round goes on from the weights of the one before, with a new optimiser.

    The constants are those of the authors' code for MNIST, cleverhans' `mnist_blackbox`; Wang et al. 2018, who use the
    attack, give none. The sign of the step is the paper's, + first; that code begins with -, which is `lam=-0.1`. It
    drives images away from the labels that the substitute gives them, which is `labels: predicted` of the accuracy
    that is measured; true labels, the default there, find more.

    Reference: Papernot et al. 2017, algorithm 1, and the "periodical step size" of its sec. 6.
    """

    kind: Literal["substitute"] = "substitute"
    of: str | None = None
    """In a recipe, the network whose answers it learns; by default each measured network has one of its own."""
    holdout: Count = 150
    """Images to begin with, the first of the test set; nothing is measured on them."""
    rounds: Count = 6
    """Trainings; between two of them the points are doubled."""
    lam: Number = 0.1
    """Step of augmentation, in pixels of [0, 1]; a negative one begins with -."""
    flip_every: Count = 3
    """Augmentations after which the sign of the step changes: +, +, +, -, -."""
    epochs: Count = 10
    """Epochs of each round."""
    batch_size: Count = 128
    lr: Positive = 1e-3
    """Learning rate of Adam."""
    hidden: tuple[Count, ...] = (200, 200)
    """Widths of its hidden layers: fully connected, with ReLU."""

    def __post_init__(self) -> None:
        if not self.lam:
            raise ValueError("lam: a step of 0 makes no new points; write 0.1")

    @property
    def row(self) -> tuple[str, str | None]:
        """The option that names a row of the recipe, and that row; None where each measured network has its own."""
        return "of", self.of

    @property
    def trained(self) -> "Substitute":
        """What has to be trained before, on the answers of the named network: the name itself decides nothing."""
        return replace(self, of=None)

    @property
    def points(self) -> int:
        """Images in the last round: 4,800 by default."""
        return self.holdout << (self.rounds - 1)

    @property
    def queries(self) -> int:
        """Labels that it will ask for: 4,650 by default."""
        return self.points - self.holdout

    def __call__(
        self,
        predict: Predict,
        x: Pixels | Array,
        y: Tensor | Array,
        *,
        num_classes: int,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Substituted:
        """Train a substitute for `predict`, of whose answers only labels are used.

        Args:
            predict: from images, float32 (n, C, H, W), to labels (n,) or scores (n, num_classes), torch or numpy; given
                arrays if `x` is one. A network is called in eval mode and left as it was.
            x: the attacker's images, uint8 or float32 in [0, 1], (at least `holdout`, C, H, W); the first are used.
            y: their true labels, int64.
            num_classes: how many classes there are.
            seed: of first weights and of the order of images; torch's own generator is left as it was.
            progress: called with (text, steps done, steps).

        Raises:
            DataError: fewer images than `holdout`, or labels that are no class.
            AttackError: pixels outside [0, 1], or not one label for each image.
            ModelError: answers that are no labels, or labels beyond `num_classes`.
        """
        predict, x = with_tensors(predict, x)
        if len(x) < self.holdout:
            raise DataError(
                f"a substitute begins with {self.holdout} images, here are {len(x)}; write a smaller holdout"
            )
        x, y = checked(x[: self.holdout], torch.as_tensor(y)[: self.holdout].to(x.device))
        device = device_of(predict, x.device)
        classes = tuple(map(str, range(num_classes)))
        x, y = x.to(device), y.to(device)
        model = self._fresh(x.shape, num_classes, seed).to(device)
        history: list[Mapping[str, float]] = []
        for number in range(self.rounds):
            told = _Told(progress, number, self) if progress is not None else None
            epochs = fit(
                model,
                ImageSet(x, y, classes),
                CrossEntropy(),
                epochs=self.epochs,
                batch_size=self.batch_size,
                optimizer=Adam(lr=self.lr),
                precision="float32",  # so small a network gains nothing from bf16
                seed=seed * 1000 + number,
                stop_at_chance=False,  # an oracle may be at chance itself
                progress=told,
            )
            history += [{**epoch, "round": number, "points": len(x)} for epoch in epochs]
            if number < self.rounds - 1:
                lam = self.lam if number // self.flip_every % 2 == 0 else -self.lam
                new = augmented(model, x, y, lam)
                x, y = torch.cat([x, new]), torch.cat([y, _within(answers(predict, new), num_classes)])
        agreement = (answers(model, x) == y).float().mean().item()
        return Substituted(model, self.holdout, len(x) - self.holdout, agreement, history, ImageSet(x, y, classes))

    def _fresh(self, shape: torch.Size, num_classes: int, seed: int) -> nn.Module:
        _, channels, height, width = shape
        spec = {"kind": "mlp", "hidden": self.hidden}
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            model = build(spec, num_classes=num_classes, shape=(channels, height, width))
            he_normal_(model)
        return model


def augmented(model: nn.Module, x: Tensor, y: Tensor, lam: float) -> Tensor:
    """`x + lam * sign(d logit_y(x) / dx)` for every image, not clipped to [0, 1].

    Reference: Papernot et al. 2017, algorithm 1, line 6.
    """
    leaf = x.detach().requires_grad_()
    with attacking(model, x) as forward:
        gradient = input_gradient(forward(leaf).gather(1, y[:, None]), leaf)
    return x + lam * gradient.sign()


def _within(labels: Tensor, num_classes: int) -> Tensor:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise ModelError(f"the oracle answers labels in [{low}, {high}], but there are {num_classes} classes, from 0")
    return labels


class _Told:
    """Steps of one round as steps of the whole."""

    def __init__(self, progress: Progress, number: int, of: Substitute) -> None:
        steps = [of.epochs * -(-of.holdout * 2**n // of.batch_size) for n in range(of.rounds)]
        self._progress, self._before, self._all = progress, sum(steps[:number]), sum(steps)
        self._text = f"substitute, round {number + 1} of {of.rounds}"

    def __call__(self, text: str, done: int, total: int) -> None:
        self._progress(self._text, self._before + done, self._all)
