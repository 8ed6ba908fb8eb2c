"""The images that a measure looks at: which of them, as pixels, and a few to keep for people to look at."""

import torch
from torch import Tensor, nn

from .. import results
from ..data import Pixels, pixels
from ..models.answers import answers
from ..results import Half as Half
from ..results import how_many as how_many

_SHOWN = 8  # images kept for the report's gallery


def evenly(total: int, wanted: int | None, part: Half = "all") -> Tensor:
    """Indices of `wanted` of `total` images, or of one half, evenly spread: a set sorted by class gives every class.

    Raises:
        DataError: there is no image in this half.
    """
    return torch.from_numpy(results.evenly(total, wanted, part))


def of_each_class(y: Tensor, wanted: int) -> Tensor:
    """Indices of at most `wanted` images: the first of each class in the order they come, then the second of each."""
    seen: dict[int, int] = {}
    turn = []
    for label in y.tolist():
        turn.append(seen.get(label, 0))
        seen[label] = turn[-1] + 1
    return torch.tensor(turn, dtype=torch.long).argsort(stable=True)[:wanted]


def shown(model: nn.Module, x: Pixels, x_adv: Tensor, y: Tensor, *, most: int = _SHOWN) -> dict[str, Tensor]:
    """The first images with their adversarial versions, their labels, and what the network makes of both.

    Args:
        model: left as it was.
        x: images, uint8 or float32 in [0, 1], (n, ...).
        x_adv: their adversarial versions, float32 (n, ...).
        y: their labels, int64 (n,).
        most: how many are kept.
    """
    original, adversarial = pixels(x[:most]), x_adv[:most].to(x.device)
    predicted, predicted_adversarial = answers(model, original), answers(model, adversarial)
    kept = {
        "original": original,
        "adversarial": adversarial,
        "label": y[:most],
        "predicted": predicted,
        "predicted_adversarial": predicted_adversarial,
    }
    return {name: tensor.cpu().contiguous() for name, tensor in kept.items()}
