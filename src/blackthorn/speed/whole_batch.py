"""Random numbers and batch statistics of a whole batch, of which this process has a part.

A rank draws for all images of the batch and takes the rows of its own, so that each image gets what it would get from
one rank alone, and all generators stay in step. Drawing costs little beside a pass through a network.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from .ranks import Part, Ranks

_part: ContextVar[Part | None] = ContextVar("part", default=None)
_DROPOUTS = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)
_DRAWING: dict[Any, int] = {**dict.fromkeys(_DROPOUTS, 2), F.rrelu: 3}
"""Functions that draw for each image, and the place of their argument `training`."""


@contextmanager
def whole_batch(ranks: Ranks, part: Part, *, synced: bool) -> Iterator[None]:
    """Within: dropout and `drawn` draw for the whole batch; and, if `synced`, batch norms see it in train mode."""
    if ranks.count == 1:
        yield
        return
    token = _part.set(part)
    try:
        with _InPart(ranks, part, synced):
            yield
    finally:
        _part.reset(token)


def drawn(draw: Callable[[int], Tensor], images: int) -> Tensor:
    """Random numbers for so many images, `draw(images)`: those of this rank among those of the whole batch.

    Whatever draws for each image of a training batch should draw by this.
    """
    part = _part.get()
    if part is None or images != part.rows.stop - part.rows.start:
        return draw(images)
    return draw(part.images)[part.rows]


def room(x: Tensor, images: int) -> Tensor:
    """Room for so many images like `x`: as `torch.empty_like`, it lies in memory as they do, so that random numbers
    fill it in the same order.
    """
    return torch.empty_like(x if images == len(x) else x[:1].expand(images, *x.shape[1:]))


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    """The norms of a network that take their statistics from the batch."""
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


class _InPart(TorchFunctionMode):
    """Puts functions of the whole batch in the place of torch's, whatever module or function calls them."""

    def __init__(self, ranks: Ranks, part: Part, synced: bool) -> None:
        super().__init__()
        self._ranks, self._part, self._synced = ranks, part, synced

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWING and _training(args, kwargs, _DRAWING[func]):
            return self._drawn(func, *args, **kwargs)
        if self._synced and func is F.batch_norm and _training(args, kwargs, 5):
            return _normalised(self._ranks, self._part, *args, **kwargs)
        return func(*args, **kwargs)

    def _drawn(self, func: Callable[..., Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The function on a whole batch, in which all other images are zero."""
        rows, images = self._part.rows, self._part.images
        if len(x) != rows.stop - rows.start:
            return func(x, *args, **kwargs)
        before, after = x.new_zeros(rows.start, *x.shape[1:]), x.new_zeros(images - rows.stop, *x.shape[1:])
        return func(torch.cat([before, x, after]), *args, **kwargs)[rows]


def _training(args: Any, kwargs: Any, place: int) -> bool:
    return bool(args[place] if len(args) > place else kwargs.get("training", False))


def _normalised(
    ranks: Ranks,
    part: Part,
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As `torch.nn.functional.batch_norm` in train mode, with the mean and the variance of the images of all ranks.

    Raises:
        RanksError: another rank has ended.
    """
    del training
    exact = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    axes, shape = [0, *range(2, x.dim())], [1, -1, *[1] * (x.dim() - 2)]
    ours = exact if part.counted else exact[:0]  # a borrowed image is normalised, and not counted
    values = exact.new_tensor([ours.numel() / max(1, x.shape[1])])
    summed = _added(ranks, torch.cat([ours.sum(axes), values]))
    total = summed[-1].detach()
    mean = summed[:-1] / total
    apart = exact - mean.reshape(shape)
    var = _added(ranks, (ours - mean.reshape(shape)).square().sum(axes)) / total
    with torch.no_grad():
        if running_mean is not None:
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
        if running_var is not None:
            running_var.lerp_((var * total / (total - 1)).to(running_var.dtype), momentum)
    normal = apart * torch.rsqrt(var + eps).reshape(shape)
    normal = normal if weight is None else normal * weight.reshape(shape)
    return (normal if bias is None else normal + bias.reshape(shape)).to(x.dtype)


def _added(ranks: Ranks, numbers: Tensor) -> Tensor:
    added: Tensor = _Added.apply(numbers, ranks)  # type: ignore[no-untyped-call]
    return added


class _Added(torch.autograd.Function):
    """The sum over all ranks: each rank's loss depends on the numbers of every rank, and so their gradients add up."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.add(numbers.clone())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.add(gradient.clone()), None
