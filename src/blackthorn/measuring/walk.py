"""One network at many rates of pruning: what goes when, and what it answers on the way."""

import copy
from collections.abc import Callable, Container, Iterator, Sequence

import torch
from torch import Tensor, nn

from ..models import eval_mode
from ..models.answers import answers
from ..pruning import Masks
from ..pruning.layers import prunable_weights
from .counting import macs
from .sums import sums_of


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
        goes: dict[str, Tensor] = {}
        for number in reversed(range(len(rates))):  # so that the smallest rate has the last word
            for name, keep in (item for some in masks(rates[number]) for item in some.items()):
                if name not in goes:
                    goes[name] = torch.full(keep.shape, len(rates), dtype=torch.int16, device=keep.device)
                goes[name].masked_fill_(~keep, number)
        self._returns = {name: _Returns(layer, len(rates)) for name, layer in goes.items()}

    @property
    def zeros(self) -> list[float]:
        """The share of all convolution and linear weights that is zero at each rate."""
        weights = {name: weight.flatten() for name, weight in prunable_weights(self.model).items()}
        total = sum(map(len, weights.values()))
        left = sum(int(weight.count_nonzero()) for name, weight in weights.items() if name not in self._returns)
        walked = [(weights[name], returns) for name, returns in self._returns.items() if name in weights]
        shares = []
        for number in reversed(range(1, self._count + 1)):
            left += sum(int(weight[returns.at(number)].count_nonzero()) for weight, returns in walked)
            shares.append((total - left) / total)
        return shares[::-1]

    def answers(self, images: Tensor, batch_size: int) -> Iterator[Tensor]:
        """The class of every image, int64 (n,), from the largest rate to the smallest; `images` are float32 (n, ...).

        Weights come back on the way, rather than go: what is added up then is never cancelled, and a unit without any
        weight is exactly its bias.
        """
        model = copy.deepcopy(self.model)
        with eval_mode(model), torch.no_grad():
            before, after = _split(model, self._returns)
            given = _through(nn.Sequential(*before), images, batch_size) if before else images
            parameters = {name: model.get_parameter(name) for name in self._returns}
            whole = {name: parameter.detach().flatten() for name, parameter in parameters.items()}
            for parameter in parameters.values():
                parameter.data = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
            first = sums_of(after[0], given)
            rest = model if after == [model] else nn.Sequential(*after[first is not None :])
            said: Tensor | None = None
            for number in reversed(range(1, self._count + 1)):
                changed = False
                for name, returns in self._returns.items():
                    places = returns.at(number)
                    back = whole[name][places]
                    changed = changed or bool(back.any())
                    parameters[name].view(-1)[places] = back
                    if first is not None and parameters[name] is first.layer.weight:
                        first.add(places, back)
                if said is None or changed:  # zeros that were there before change no answer
                    said = answers(rest, given if first is None else first.outputs, batch_size=batch_size)
                yield said


class _Returns:
    """Where the weights of a layer are that come back at each rate, so that nobody looks through all of them again."""

    def __init__(self, goes: Tensor, count: int) -> None:
        order = goes.flatten().argsort(stable=True)
        self._order = order.int() if len(order) < 2**31 else order
        self._ends = torch.bincount(goes.flatten().int(), minlength=count + 1).cumsum(0).tolist()

    def at(self, number: int) -> Tensor:
        """Places in the flattened layer, in rising order, of the weights that go at this number."""
        return self._order[self._ends[number - 1] : self._ends[number]].long()


def passes(model: nn.Module, names: Container[str], rates: int, example: Tensor) -> float:
    """How many passes through the whole network an image takes at each rate, where the weights of these names go.

    Args:
        model: as for a walk.
        names: of the parameters.
        rates: of the walk.
        example: one image, float32 (1, ...).
    """
    with eval_mode(model), torch.no_grad():
        before, after = _split(model, names)
        if after == [model]:
            return 1.0
        given = nn.Sequential(*before)(example)
        if sums_of(after[0], given) is not None:
            given = after.pop(0)(given)
        whole = macs(model, example)
        rest = macs(nn.Sequential(*after), given)
    return (whole + rates * rest) / (rates * whole) if whole > rest else 1.0


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


def _split(model: nn.Module, names: Container[str]) -> tuple[list[nn.Module], list[nn.Module]]:
    """What runs before the parameters of these names, and the rest; only a plain chain can be taken apart."""
    if type(model) is not nn.Sequential or model._forward_hooks or model._forward_pre_hooks:
        return [], [model]
    pruned = {id(parameter) for name, parameter in model.named_parameters() if name in names}
    parts = list(model)  # children() would leave out what stands there twice
    first = next((i for i, part in enumerate(parts) if any(id(p) in pruned for p in part.parameters())), 0)
    return parts[:first], parts[first:]
