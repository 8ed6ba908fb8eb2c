"""One network at many rates of pruning: what goes when, and what it answers on the way."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..models import eval_mode
from ..models.answers import answers
from ..pruning import Masks
from ..pruning.layers import prunable_weights


class Walk:
    """A network, and for every weight the first of several prunings that removes it.

    Masks are nested along the rates, so that this one number says all of them: pruning further zeroes a few more.

    Args:
        model: not touched.
        rates: from the smallest to the largest.
        masks: gives, for a rate, the masks whose removals add up; none where nothing goes.
    """

    def __init__(self, model: nn.Module, rates: Sequence[float], masks: Callable[[float], Sequence[Masks]]) -> None:
        self.model = model
        self._count = len(rates)
        self._goes: dict[str, Tensor] = {}
        for number in reversed(range(len(rates))):  # so that the smallest rate has the last word
            for name, keep in (item for some in masks(rates[number]) for item in some.items()):
                if name not in self._goes:
                    self._goes[name] = torch.full(keep.shape, len(rates), dtype=torch.int16, device=keep.device)
                self._goes[name].masked_fill_(~keep, number)

    @property
    def zeros(self) -> list[float]:
        """The share of all convolution and linear weights that is zero at each rate."""
        weights = prunable_weights(self.model)
        gone = torch.zeros(self._count + 1, dtype=torch.int64)
        for name, weight in weights.items():
            goes = self._goes.get(name, torch.full(weight.shape, self._count, dtype=torch.int16)).to(weight.device)
            goes = torch.where(weight == 0, torch.zeros_like(goes), goes)
            gone += torch.bincount(goes.flatten().long(), minlength=self._count + 1).cpu()
        total = sum(weight.numel() for weight in weights.values())
        return [int(count) / total for count in gone.cumsum(0)[:-1]]

    def answers(self, images: Tensor, batch_size: int) -> Iterator[Tensor]:
        """The class of every image, int64 (n,), at each rate; `images` are float32 (n, ...)."""
        model = copy.deepcopy(self.model)
        with eval_mode(model), torch.no_grad():
            before, after = _split(model, self._goes)
            given = images if before is None else _through(before, images, batch_size)
            parameters = dict(model.named_parameters())
            said: Tensor | None = None
            for number in range(self._count):
                changed = False
                for name, goes in self._goes.items():
                    going = goes == number
                    changed = changed or bool(parameters[name][going].any())
                    parameters[name].masked_fill_(going, 0.0)
                if said is None or changed:  # zeros that were there before change no answer
                    said = answers(after, given, batch_size=batch_size)
                yield said


def _through(before: nn.Module, images: Tensor, batch_size: int) -> Tensor:
    """What comes out, in one tensor from the start: of a large network, twice as much would not fit."""
    given: Tensor | None = None
    for at in range(0, len(images), batch_size):
        made = before(images[at : at + batch_size])
        if given is None:
            given = made.new_empty(len(images), *made.shape[1:])
        given[at : at + batch_size] = made
    assert given is not None  # there are images
    return given


def _split(model: nn.Module, goes: Mapping[str, Tensor]) -> tuple[nn.Sequential | None, nn.Module]:
    """What runs before anything is pruned, and the rest; only a plain chain can be taken apart."""
    if type(model) is not nn.Sequential or model._forward_hooks or model._forward_pre_hooks:
        return None, model
    pruned = {id(parameter) for name, parameter in model.named_parameters() if name in goes}
    parts = list(model.children())
    first = next((i for i, part in enumerate(parts) if any(id(p) in pruned for p in part.parameters())), 0)
    return (nn.Sequential(*parts[:first]), nn.Sequential(*parts[first:])) if first else (None, model)
