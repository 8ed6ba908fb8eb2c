"""Made-up answers of networks whose truth is known: images and seeds as crossed random effects."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from blackthorn.results import Estimate, Reading, over_seeds, wilson

Flags = NDArray[np.bool_]


def answers(
    shares: Sequence[float],
    generator: np.random.Generator,
    *,
    images: int,
    alike: float,
    difficulty: Flags | None = None,
) -> Flags:
    """(seeds, images): seed s is right on a share `shares[s]` of all images there could be.

    `alike` is the part of the variance of an image's latent ease that all seeds share: 0 = every seed fails on images
    of its own, 1 = all on the same.
    """
    common = generator.standard_normal(images) if difficulty is None else difficulty
    own = generator.standard_normal((len(shares), images))
    latent = np.sqrt(alike) * common + np.sqrt(1 - alike) * own
    return latent < ndtri(np.asarray(shares))[:, None]


def share_of(flags: Flags) -> Estimate:
    """The accuracy that these answers have, as a page would show it."""
    n = flags.shape[1]
    return over_seeds([Reading(float(k / n), *wilson(int(k), n), n) for k in flags.sum(1)])
