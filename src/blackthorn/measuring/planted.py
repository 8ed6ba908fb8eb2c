"""Does an attack find what is there to be found? A measure of the attack, on this network."""

import time
from typing import ClassVar, Literal

from ..attacks import AnyAttack
from ..resources import WithResources
from ..results import PlantedRecord
from ..types import Progress
from ..values import Count, spell, value
from .images import how_many
from .measure import Measure, Measurement, Subject
from .planting import plant_and_seek


@value
class PlantedExamples(WithResources, Measure):
    """Share of adversarial examples, planted in the balls of images, that an attack finds.

    An attack that finds fewer than 95 % should not be believed on this network. It is let loose alone, without what the
    engine mends.

    Reference: Zimmermann et al. 2022, "Increasing confidence in adversarial robustness evaluations".
    """

    in_percent: ClassVar[bool | None] = False
    kind: Literal["planted"] = "planted"
    attack: AnyAttack
    """Which is tried; its ball is that of the examples."""
    n_max: Count = 50
    """Plant in only this many images, evenly spread over the set and the same for every network."""

    @property
    def revision(self) -> int:
        """That of the attack, and one for points of class 0 on an edge."""
        return self.attack.revision + 1

    def effort(self, images: int) -> float:
        """The attack on one image at a time, and some hundred points to plant from."""
        return how_many(images, self.n_max) * (2.0 * self.attack.effort + 400)

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """One record."""
        start = time.perf_counter()
        made = plant_and_seek(subject.model, subject.x, self.attack, n_max=self.n_max, progress=progress)
        planted = len(made.found)
        low, high = made.interval
        nothing = () if planted else ("no example could be planted: the features hardly change inside the ball",)
        record = PlantedRecord(
            value=made.share,
            n=made.images,
            planted=planted,
            low=low,
            high=high,
            guessed=made.guessed.float().mean().item() if planted else 0.0,
            attack=spell(self.attack),
            eps=self.attack.eps,
            norm=self.attack.norm,
            warnings=(*made.doubts(self.attack), *nothing),
            seconds=time.perf_counter() - start,
        )
        return Measurement([record])
