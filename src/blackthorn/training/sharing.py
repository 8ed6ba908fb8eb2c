"""How ranks share a training: each works on its part of every batch, and one sum over all ranks follows each step.

The gradient of a mean over a batch is the mean of the gradients of its images. So each rank weighs its loss by its
share of the images, goes back through it as if it were alone, and the gradients of all ranks are added. What does not
depend on images, such as penalties and divergences, is weighed in the same way, and so counts once.

Hooks on parameters, which exchange gradients while others are still computed, are not used: an objective may go back
several times in a step, or leave parameters out (decision 16).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

import torch
from torch import Tensor, nn

from .. import __version__
from ..data import ImageSet
from ..errors import TrainingError
from ..speed.ranks import Part, Ranks
from ..speed.whole_batch import batch_norms, whole_batch
from .constraint import Constraint


class Sharing:
    """The ranks of one training, and who has what of each batch.

    Args:
        ranks: who takes part.
        images: so many in an epoch.
        batch_size: so many in a step, of all ranks together.
        synced: batch norms see the whole batch; otherwise their running statistics are averaged after each step.
    Raises:
        TrainingError: a batch has fewer images than there are ranks.
    """

    def __init__(self, ranks: Ranks, images: int, batch_size: int, *, synced: bool) -> None:
        if batch_size < ranks.count:
            raise TrainingError(
                f"batch_size: {batch_size} is too small for {ranks.count} ranks; write at least {ranks.count}, or take "
                "fewer --devices"
            )
        self.ranks, self._synced = ranks, synced
        self.parts = [ranks.part(min(batch_size, images - first)) for first in range(0, images, batch_size)]
        """This rank's part of each batch of an epoch."""

    def begin(
        self, settings: Mapping[str, str], model: nn.Module, images: ImageSet, constraints: Sequence[Constraint]
    ) -> None:
        """Refuse ranks that were not given the same, and let constraints be those of the first.

        Raises:
            RanksError: names what differs.
        """
        shapes = {f"parameter {name}": str(tuple(held.shape)) for name, held in model.named_parameters()}
        versions = {"blackthorn": __version__, "torch": torch.__version__}
        self.ranks.agree(versions | dict(settings) | {"the number of images": str(len(images))} | shapes)
        if self.ranks.count > 1:
            for constraint in constraints:
                constraint.load_state_dict(self.ranks.same(partial(dict, constraint.state_dict())))

    def within(self, part: Part) -> AbstractContextManager[None]:
        """The context in which the loss of a part is computed."""
        return whole_batch(self.ranks, part, synced=self._synced)

    @torch.no_grad()
    def exchange(self, part: Part, model: nn.Module, learning: Sequence[nn.Parameter]) -> None:
        """Give every rank the sum of the gradients of all, and the mean of the running statistics of batch norms.

        Raises:
            RanksError: another rank has ended.
        """
        if self.ranks.count == 1:
            return
        used = [parameter.grad is not None for parameter in learning]
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in learning]
        statistics = [] if self._synced else _running(model)
        for tensor in statistics:
            tensor *= part.weight
        counts = torch.tensor(used, dtype=torch.float32, device=gradients[0].device)
        for tensors in _by_type([*gradients, *statistics, counts]):
            flat = self.ranks.add(torch.cat([tensor.reshape(-1) for tensor in tensors]))
            for tensor, summed in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors])):
                tensor.copy_(summed.view(tensor.shape))
        for parameter, gradient, count in zip(learning, gradients, counts.tolist()):
            parameter.grad = gradient if count else None  # one that no rank used stays out of the optimiser's step


def _running(model: nn.Module) -> list[Tensor]:
    found = [tensor for norm in batch_norms(model) for tensor in (norm.running_mean, norm.running_var)]
    return [tensor for tensor in found if tensor is not None]


def _by_type(tensors: Iterable[Tensor]) -> Iterable[list[Tensor]]:
    found: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        found.setdefault(tensor.dtype, []).append(tensor)
    return found.values()
