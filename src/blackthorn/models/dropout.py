"""Dropout of the PARANA networks: how its article describes it, and how its code ran.

The article says "a dropout rate of 0.7". Its package multiplies weights by Bernoulli masks, and its notebooks build
every layer with rate 0: what ran had no dropout. Both readings have a name here; any other rate is a number.

Reference: J. Gannon 2018 (jngannon.github.io/article_pruning.html); github.com/jngannon/Parana-public.
"""

import math

from ..errors import ModelError

PRESETS = {"as_described": 0.7, "as_run": 0.0}
"""Name of a reading -> the probability that a hidden activation is dropped in training."""


def drop_probability(kind: str, dropout: object) -> float:
    """The probability that `dropout`, a name or a number, stands for.

    Raises:
        ModelError: another name, or a number outside [0, 1).
    """
    read = PRESETS.get(dropout, dropout) if isinstance(dropout, str) else dropout
    if isinstance(read, bool) or not isinstance(read, (int, float)) or not (math.isfinite(read) and 0 <= read < 1):
        raise ModelError(f"{kind}: dropout must be a number in [0, 1), or {' or '.join(PRESETS)}; got {dropout!r}")
    return float(read)
