"""Signs that a number is an upper bound and no more, counted over every gradient and every batch of an attack."""

from dataclasses import dataclass

from torch import Tensor

from .losses import margin

HIDING = frozenset(
    {"zero gradients", "dead pixels", "no gradients", "wrong gradients", "shattered gradients", "hidden gradients"}
)
"""Alarms after which only an attack that follows no gradients can be believed."""
SCALING = frozenset({"saturated softmax", "flat softmax", "probabilities"})
"""Alarms after which cross-entropy cannot be believed, since the scale of the outputs misleads it."""
PROBABILITIES = (
    "the outputs are probabilities, normalised or not, and no logits, which hides gradients: "
    "remove the softmax, sigmoid or exponential at the end"
)
TOLERATED = 0.01  # share; a few dead images are no evidence against a network
DRAWS = 20
"""How often a network that answers at random is asked about each image."""
_ONE_HOT = 87.3  # exp(-87.3) is the smallest normal float32: behind a larger lead softmax is exactly one-hot
_FLAT = 0.05  # a network of ten classes that is never surer gives its own class less than 10.5 %
_KNOWS, _MANY = 2 / 3, 32  # right on such a share, and on so many images: no untrained network is, by chance
_ROUNDED = 16.6  # exp(-16.6) is lost beside 1 in float32: the naive gradient of cross-entropy loses the true class


@dataclass
class Tally:
    """What was seen of gradients and outputs during an attack."""

    gradients: int = 0
    """Gradients of single images that were looked at."""
    zero: int = 0
    broken: int = 0
    """Gradients that are not finite."""
    seen: int = 0
    """Images looked at before the attack."""
    images: int = 0
    """Those of them that are classified right."""
    one_hot: int = 0
    rounded: int = 0
    flat: int = 0
    alive: Tensor | None = None
    """Which pixels had a gradient for some image, bool (channels, height, width)."""
    hidden_pixels: float = 0.0
    """Share of pixels without gradient that change the logits all the same."""
    detached: bool = False
    wrong: bool = False
    """Whether gradients do not say how the logits change."""
    shattered: bool = False
    """Whether gradients have little in common with those of images nearby."""
    probabilities: bool = False
    squashed: bool = False
    """Whether the network ends in a function of each single logit that is no straight line."""
    random: bool = False
    batch: bool = False
    """Whether logits of an image depend on the images beside it."""

    @property
    def dead_pixels(self) -> float | None:
        """Share of pixels whose gradient was zero for all images; None where no gradient was looked at."""
        return None if self.alive is None else 1.0 - self.alive.float().mean().item()

    def look(self, logits: Tensor, y: Tensor) -> None:
        """Count leads of the images that are right."""
        right = logits.argmax(1) == y
        self.seen += len(y)
        lead = -margin(logits[right], y[right])
        self.images += int(right.sum())
        self.one_hot += int((lead > _ONE_HOT).sum())
        self.rounded += int((lead > _ROUNDED).sum())
        self.flat += int((lead < _FLAT).sum())

    def alarms(self, *, saturating: bool, naive: bool) -> dict[str, str]:
        """The alarms that ring, each with its reason.

        Args:
            saturating: whether cross-entropy is climbed, which says nothing where softmax is one-hot, and little of the
                nearest boundary where it is flat.
            naive: whether it is computed from softmax.
        """
        found: dict[str, str] = {}
        if (share := _share(self.zero, self.gradients)) > TOLERATED:
            found["zero gradients"] = (
                f"the gradient is exactly zero {share:.1%} of the time: the attack has nothing to follow and the "
                'network looks robust without being so; use loss="margin", or {kind: square}, which needs no gradients'
            )
        if (share := _share(self.broken, self.gradients)) > 0:
            found["non-finite gradients"] = (
                f"the gradient is not finite {share:.1%} of the time: that of nearby images is followed instead"
            )
        if (share := _share(self.rounded if naive else self.one_hot, self.images)) > TOLERATED and saturating:
            lead, also = (_ROUNDED, "") if naive else (_ONE_HOT, ", so the margin is climbed too")
            found["saturated softmax"] = (
                f"the logits saturate softmax for {share:.1%} of the images (a lead above {lead:g}): "
                f'cross-entropy computed from softmax cannot tell them apart{also}; use loss="margin"'
            )
        knows = self.images >= max(_MANY, _KNOWS * self.seen)
        if saturating and knows and _share(self.flat, self.images) > 1 - TOLERATED:
            found["flat softmax"] = (
                f"the network is right on {_share(self.images, self.seen):.0%} of the images, and the logits of its "
                f"answers lead by less than {_FLAT:g}: cross-entropy then pulls towards all classes alike, so the "
                'margin is climbed too; use loss="margin"'
            )
        if self.hidden_pixels:
            found["dead pixels"] = (
                f"{self.hidden_pixels:.1%} of the pixels have a gradient of zero for all images, but change what the "
                "network says: part of it hides its gradient"
            )
        if self.detached:
            found["no gradients"] = (
                "the network computes without gradients: remove torch.no_grad and detach from its forward"
            )
        if self.wrong:
            found["wrong gradients"] = (
                "the logits do not change as the gradient says, not even in small steps, or are others where gradients "
                "are asked for: attacks are led astray"
            )
        if self.shattered:
            found["shattered gradients"] = (
                "gradients have little in common with those of images a tenth of the radius away, so that steps go "
                "astray: the mean of several nearby is followed instead"
            )
        if self.probabilities:
            found["probabilities"] = PROBABILITIES
        if self.squashed:
            found["squashed logits"] = (
                "the network ends in a function of each single logit, such as tanh or rounding, which flattens "
                "gradients: what that was given is attacked; return it instead"
            )
        if self.random:
            found["random"] = (
                f"two calls on the same images differ: gradients are averaged, and as many images count as fooled as "
                f"one draw fools on average, by {DRAWS} draws"
            )
        if self.batch:
            found["batch-dependent"] = (
                "the logits of an image depend on the images beside it: whole batches are attacked and judged, and the "
                "number holds for these batches only"
            )
        return found


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
