"""Universal noise: one small image that, added to any image, makes a network say one class.

It is made once for a network, a class and a limit, from training images. It is kept and added to images that were never
seen, to fool that network, pruned versions of it, or another network. So `UniversalNoise` is a maker of noises and not
an attack: what it returns is one noise, and not adversarial images.
"""

import warnings
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from ..data import Pixels, pixels
from ..errors import AttackError
from ..speed.precision import Precision, arithmetic
from ..types import Progress
from ..values import Count, NonNegative, Positive, Radius, check_radius, value
from .ball import Norm
from .gradients import attacking
from .losses import LOSSES, Reading
from .precision import resolve_for
from .warning import AttackWarning

_LITTLE = 0.1  # of the limit, on average over the pixels: less is no attack, whatever the accuracy that it leaves


class _Search(NamedTuple):
    optimizer: Literal["sgd", "adam"]
    lr: float
    steps: int
    batch_size: int
    penalty: float


PRESETS = {
    "parana": _Search("sgd", 0.1, 5000, 250, 0.0),
    "hvass": _Search("adam", 1e-2, 1000, 64, 0.02),
}
"""How the blog's notebook searches, and how the tutorial does that it follows."""


@value
class UniversalNoise:
    """One noise image for all images, aimed at one class: the network is to see `target` in whatever it is added to.

    Minimises the mean loss of `clip(x + noise, 0, 1)` towards the target over batches of training images, whatever
    their labels, starting at no noise and clipping it to [-limit, limit] after every step. The network is frozen and in
    eval mode. The noise enters once; the blog's notebook adds it a second time inside the network while searching.

    Reference: Gannon 2018, Pruning neural networks and adversarial noise, "Generating noise" (preset `parana`); the
    TensorFlow tutorial 12 of Hvass Pedersen 2016 (preset `hvass`); Moosavi-Dezfooli et al. 2017, "Universal adversarial
    perturbations", for the idea.
    """

    kind: Literal["universal_noise"] = "universal_noise"
    target: Annotated[int, Field(ge=0)]
    """The class that the network is to see, numbered from 0."""
    limit: Radius
    """Largest change of a pixel, in pixels of [0, 1]: 0.25 or 25%."""
    preset: Literal["parana", "hvass"] = "parana"
    """How it is searched. parana: SGD at 0.1, 5,000 steps of 250 images. hvass: Adam at 0.01, 1,000 steps of 64 images,
    and a penalty of 0.02. What follows changes single settings of it.
    """
    optimizer: Literal["sgd", "adam"] | None = None
    lr: Positive | None = None
    steps: Count | None = None
    batch_size: Count | None = None
    penalty: NonNegative | None = None
    """Times half the sum of the squared noise, added to the loss."""
    loss: Literal["ce", "quadratic"] = "ce"
    """ce: softmax and cross-entropy, attached to the outputs even where the network was trained without. quadratic:
    half the mean squared distance of the outputs to the one-hot target, which the blog reports to be weak.
    """
    clip_eval: bool = True
    """Clip noisy images to [0, 1] when they are evaluated; the blog's notebooks did not."""
    precision: Precision = "auto"
    """Arithmetic of the search; auto takes bf16 where it is measured to be faster."""

    def __post_init__(self) -> None:
        check_radius(self.limit)

    @property
    def revision(self) -> int:
        """As an attack's; approaching a class, cross-entropy never had a fault."""
        return 1

    @property
    def name(self) -> str:
        """Class and limit, such as "3, 0.25": what records and pages call it."""
        return f"{self.target}, {self.limit:g}"

    @property
    def search(self) -> _Search:
        """Every setting of the search, the preset's where none is given."""
        said = {name: getattr(self, name) for name in _Search._fields}
        return PRESETS[self.preset]._replace(**{name: given for name, given in said.items() if given is not None})

    def __call__(
        self,
        model: nn.Module,
        x: Pixels,
        y: Tensor | None = None,
        seed: int = 0,
        *,
        progress: Progress | None = None,
    ) -> Tensor:
        """The noise, float32 (channels, height, width) in [-limit, limit].

        Args:
            model: left as it was.
            x: training images, uint8 or float32 in [0, 1], (n, channels, height, width).
            y: not used: every image is to become the target.
            seed: of the order in which images are seen; torch's global generator is left alone.
            progress: called with ("noise", steps done, steps).
        Raises:
            AttackError: no images, pixels outside [0, 1], or a target that the network has no logit for.
        """
        if x.dim() < 2 or not len(x):
            raise AttackError(
                f"universal_noise is made from images, (n, channels, height, width); got {tuple(x.shape)}"
            )
        if isinstance(x, Tensor) and x.is_floating_point() and not (x.min() >= 0 and x.max() <= 1):
            raise AttackError(f"pixels lie in [{x.min():.3g}, {x.max():.3g}]; they must be in [0, 1]: divide by 255")
        search = self.search
        device = next((tensor.device for tensor in model.parameters()), x.device)
        noise = torch.zeros(x.shape[1:], device=device, requires_grad=True)
        optimizers = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
        optimizer = optimizers[search.optimizer]([noise], lr=search.lr)
        loss_of = LOSSES[self.loss]
        example = _pixels(x[: search.batch_size], device)
        chosen = resolve_for(self.precision, model, example)
        with arithmetic(chosen, device), attacking(model, example) as forward:
            self._refuse_target(forward(_pixels(x[:1], device)).shape[1])
            for step, drawn in enumerate(_orders(len(x), search.batch_size, search.steps, seed), start=1):
                outputs = forward((_pixels(x[drawn], device) + noise).clamp(0, 1))
                target = torch.full((len(outputs),), self.target, device=device)
                loss = loss_of(outputs, target).mean()
                if search.penalty:
                    loss = loss + search.penalty * noise.square().sum() / 2
                (noise.grad,) = torch.autograd.grad(loss, noise)
                optimizer.step()
                with torch.no_grad():
                    noise.clamp_(-self.limit, self.limit)
                if progress is not None:
                    progress("noise", step, search.steps)
        made = noise.detach()
        for reservation in self.reservations(made):
            warnings.warn(reservation, AttackWarning, stacklevel=2)
        return made

    @property
    def eps(self) -> float:
        """Radius of the ball that noisy images lie in, if they are clipped."""
        return self.limit

    @property
    def norm(self) -> Norm:
        """Of that ball."""
        return "linf"

    def against(self, reading: Reading) -> "UniversalNoise | None":
        """This noise if it knows of a detector that reads outputs in this way: if its loss drives them to one-hot
        vectors. None if it knows of no such detector.
        """
        return self if self.loss == ("quadratic" if reading == "raw" else "ce") else None

    def check_classes(self, classes: int, of: str) -> None:
        """Refuse a target that images do not have.

        Raises:
            AttackError: names the class, and how many there are in the data set `of`.
        """
        if self.target >= classes:
            raise AttackError(
                f"{self.kind} aims at class {self.target}, but {of} has {classes} classes, numbered from 0"
            )

    def reservations(self, noise: Tensor) -> list[str]:
        """What makes this noise weaker than its limit, one line each."""
        if not torch.isfinite(noise).all():
            return ["the noise is not finite: the search diverged; write a smaller lr"]
        share = float(noise.abs().mean()) / self.limit if self.limit else 1.0
        if share >= _LITTLE:
            return []
        remedy = "take a larger lr or more steps" if self.preset == "hvass" else "take preset: hvass, or a larger lr"
        return [
            f"after {self.search.steps} steps the noise is {share:.1%} of its limit on average: the search barely "
            f"moved, and what it leaves says little about the network; {remedy}"
        ]

    def apply(self, noise: Tensor, x: Tensor) -> Tensor:
        """Images with the noise on them, float32, of the shape of `x`: in [0, 1] unless `clip_eval` is off."""
        return add_noise(noise, x, clip=self.clip_eval)

    def _refuse_target(self, classes: int) -> None:
        if self.target >= classes:
            raise AttackError(f"target is class {self.target}, but the network has {classes} logits, numbered from 0")


def add_noise(noise: Tensor, x: Tensor, *, clip: bool = True) -> Tensor:
    """`x + noise`, float32, clipped to [0, 1].

    Args:
        noise: (channels, height, width), or anything that broadcasts against images.
        x: images, uint8 or float32 in [0, 1], (n, channels, height, width).
        clip: False leaves what lies outside, as the PARANA blog's evaluation does.
    """
    noisy = _pixels(x, x.device) + noise.to(x.device)
    return noisy.clamp_(0, 1) if clip else noisy


def _pixels(x: Tensor, device: torch.device) -> Tensor:
    return pixels(x.to(device), bounded=False)


def _orders(images: int, batch_size: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Positions of the images of each step: whole passes in shuffled order, one after the other."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        while len(left) < min(batch_size, images):
            left = torch.cat([left, torch.randperm(images, generator=generator)])
        yield left[:batch_size]
        left = left[batch_size:]
