"""Robust accuracy from below: the share of images that are proved to stand, where attacks only fail to break them."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from ..bounds import certify
from ..bounds.boxes import Norm
from ..bounds.certify import Method
from ..data import taken
from ..errors import DataError
from ..resources import WithResources
from ..results import CertifiedRecord
from ..results.statistics import wilson
from ..types import Progress
from ..values import Count, Radius, check_radius, value
from .blocks import blocks, of_all
from .counting import parameters
from .images import evenly, how_many
from .measure import Measure, Measurement, Subject

_PASSES: Mapping[Method, float] = {"interval": 10.0, "crown-ibp": 100.0, "crown": 2000.0}
"""What an image costs that stands but is not proved by less, on a convolutional network of 10^5 weights."""

_TOGETHER = 50  # images, as `certify` takes them; blocks of whole batches change no batch


@value
class Certified(WithResources, Measure):
    """Share of images that are classified right, and proved to stay so all over their ball.

    Robust accuracy lies between this and the accuracy under any attack of the same ball. The proof holds for the
    network as it runs in float32, rounding included; `bounds.rounding` names the kernels that it leaves out.
    """

    in_percent: ClassVar[bool | None] = True
    kind: Literal["certified"] = "certified"
    eps: Radius
    """Radius of the ball, in pixels of [0, 1]."""
    norm: Norm = "linf"
    method: Method = "crown"
    """The tightest bound to try, where cheaper ones prove nothing: interval takes seconds, crown minutes."""
    n_max: Count | None = None
    """Measure only this many images, evenly spread over the set and the same for every network."""

    def __post_init__(self) -> None:
        check_radius(self.eps, self.norm)

    def effort(self, images: int) -> float:
        """As if every image needed the tightest method."""
        return _PASSES[self.method] * how_many(images, self.n_max)

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """One record, and whether each image is proved to stand.

        Raises:
            ModelError: the network has an operation without bounds, which is named.
            DataError: there are no images.
        """
        if not len(subject.x):
            raise DataError("there are no images to prove anything about")
        index = evenly(len(subject.x), self.n_max).to(subject.x.device)
        x, y = taken(subject.x, index), subject.y[index]
        found = [
            certify(
                subject.model,
                x[block],
                y[block],
                norm=self.norm,
                eps=self.eps,
                method=self.method,
                claim="rounded",
                progress=of_all(progress, block, len(x)),
            )
            for block in blocks(x, _TOGETHER)
        ]
        proved, by = torch.cat([some.proved for some in found]), [name for some in found for name in some.by if name]
        right, n = int(proved.sum()), len(index)
        low, high = wilson(right, n)
        record = CertifiedRecord(
            value=right / n,
            n=n,
            low=low,
            high=high,
            eps=self.eps,
            norm=self.norm,
            method=self.method,
            proved_by={name: by.count(name) for name in sorted(set(by))},
            parameters=parameters(subject.model),
            seconds=sum(some.seconds for some in found),
        )
        return Measurement([record], proved)
