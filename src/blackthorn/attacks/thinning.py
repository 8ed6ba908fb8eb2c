"""How a search goes on with fewer images when some have left it."""

from torch import Tensor


def thinned(live: Tensor, full: int) -> Tensor | None:
    """Rows to go on with, or None to go on with all: the live ones, and finished ones up to the next eighth of a batch.

    Convolution libraries prepare themselves anew for every batch size they have not met. Shrinking by eighths keeps the
    number of sizes small; a finished image that stays costs as much as any, but its result is kept already.
    """
    alive = int(live.sum())
    eighth = max(1, full // 8)
    size = -(-alive // eighth) * eighth
    if size >= len(live):
        return None
    return live.int().argsort(descending=True, stable=True)[:size].sort().values
