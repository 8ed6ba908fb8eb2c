"""How well a score tells attacked images from untouched ones: the ROC curve, its area, and how sure that is.

Scores are larger for what looks attacked. An image is flagged when its score is above a threshold.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BlackthornError
from .statistics import wilson

Scores = np.ndarray[Any, np.dtype[np.float64]]

_POINTS = 100
_Z = 1.959964  # 97.5 % of a standard normal lie below


@dataclass(frozen=True)
class Auroc:
    """The area under a ROC curve: the chance that an attacked image scores above an untouched one."""

    value: float
    low: float
    """Of the 95 % interval."""
    high: float
    n: int
    """Attacked images."""


def auroc(clean: npt.ArrayLike, attacked: npt.ArrayLike, of: npt.ArrayLike | None = None) -> Auroc | None:
    """The area as Mann and Whitney count it, ties as a half, with an interval that knows that images come in pairs.

    Each attacked image is a changed copy of an untouched one, so that the two samples are not independent. The variance
    is that of DeLong et al. with images as clusters (Obuchowski), and the interval is symmetric on the logit scale,
    which keeps it in [0, 1]. Where the variance vanishes, as with perfect separation, it is Wilson's interval of a
    share, since no area varies more than a share of the smaller sample (van Dantzig).

    Args:
        clean: scores of untouched images, (n,).
        attacked: scores of the same images, attacked, in the same order, (n,).
        of: which attacked images to count, bool (n,); all of them by default.
    Returns:
        None where no attacked image counts.
    Raises:
        BlackthornError: not as many attacked as untouched images, none, or scores that are not finite.

    Reference: DeLong, DeLong, Clarke-Pearson 1988, "Comparing the areas under two or more correlated ROC curves";
    Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data", eq. 3; van Dantzig 1951, "On the consistency
    and the power of Wilcoxon's two sample test"; Pepe 2003, "The statistical evaluation of medical tests", sec. 5.2.
    """
    untouched, changed, counted = _checked(clean, attacked, of)
    n, m = len(untouched), int(counted.sum())
    if not m:
        return None
    above = _share_below(untouched, changed[counted])  # of the untouched images, for each attacked one
    below = 1 - _share_below(changed[counted], untouched)  # of the attacked images, for each untouched one
    area = float(above.mean())
    spread_above, spread_below = above - area, below - area
    variance = 0.0
    if m > 1:
        variance = float(np.square(spread_above).sum() / ((m - 1) * m) + np.square(spread_below).sum() / ((n - 1) * n))
        together = float((spread_above * spread_below[counted]).sum())
        variance += 2 * n / (n - 1) * together / (m * n)
    if not (0 < area < 1) or variance <= 1e-12:
        low, high = wilson(round(area * m), m)
    else:
        centre, half = math.log(area / (1 - area)), _Z * math.sqrt(variance) / (area * (1 - area))
        low, high = (1 / (1 + math.exp(-max(-700.0, centre + sign * half))) for sign in (-1, 1))
    return Auroc(area, low, high, m)


def threshold(clean: npt.ArrayLike, fpr: float) -> float:
    """The smallest score above which at most a share `fpr` of the untouched images lies; they are flagged in error."""
    scores = np.sort(np.asarray(clean, dtype=np.float64))[::-1]
    allowed = math.floor(fpr * len(scores) + 1e-9)
    return -math.inf if allowed >= len(scores) else float(scores[allowed])


def roc(clean: npt.ArrayLike, attacked: npt.ArrayLike, points: int = _POINTS) -> list[tuple[float, float]]:
    """About `points` points of the curve, (false positive rate, true positive rate), from (0, ...) to (1, 1).

    They lie densest at small rates, where a detector is used.
    """
    untouched, changed, _ = _checked(clean, attacked, None)
    n = len(untouched)
    steps = np.concatenate([np.geomspace(1, n, points // 2), np.linspace(0, n, points - points // 2)])
    found = set()
    for allowed in np.unique(steps.round().astype(int)):
        limit = threshold(untouched, allowed / n)
        found.add((float((untouched > limit).mean()), float((changed > limit).mean())))
    return sorted(found)


def _share_below(scores: Scores, of: Scores) -> Scores:
    """For each score in `of` the share of `scores` that is smaller, ties counted as a half."""
    ordered = np.sort(scores)
    counts = np.searchsorted(ordered, of, "left") + np.searchsorted(ordered, of, "right")
    shares: Scores = counts / (2 * len(scores))
    return shares


def _checked(
    clean: npt.ArrayLike, attacked: npt.ArrayLike, of: npt.ArrayLike | None
) -> tuple[Scores, Scores, np.ndarray[Any, np.dtype[np.bool_]]]:
    untouched, changed = (np.asarray(scores, dtype=np.float64) for scores in (clean, attacked))
    counted = np.ones(changed.shape, dtype=np.bool_) if of is None else np.asarray(of, dtype=np.bool_)
    if not (untouched.shape == changed.shape == counted.shape) or untouched.ndim != 1 or not len(untouched):
        raise BlackthornError(
            "a ROC curve wants a score for each image, untouched and attacked; "
            f"got {untouched.shape}, {changed.shape} and {counted.shape}"
        )
    if not (np.isfinite(untouched).all() and np.isfinite(changed).all()):
        raise BlackthornError("a ROC curve wants scores that are finite numbers")
    return untouched, changed, counted
