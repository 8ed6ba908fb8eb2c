"""Training as a tutorial writes it: one torch loop, no engine."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from blackthorn.data import ImageSet, batches
from blackthorn.models.layout import channels_last


def train(
    model: nn.Module,
    images: ImageSet,
    optimiser: torch.optim.Optimizer,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    rate: Callable[[float], float],
) -> None:
    """Cross-entropy on batches in the order of (seed, epoch); `rate` is the learning rate at a fraction of the run.

    Weights lie as in trainings on this processor: another order sums in another order, and rounds otherwise.
    """
    torch.manual_seed(seed)
    model.train()
    steps = -(-len(images) // batch_size)
    with channels_last(model, next(iter(batches(images, batch_size, seed=seed, epoch=0)))[0]):
        for epoch in range(epochs):
            for step, (x, y) in enumerate(batches(images, batch_size, seed=seed, epoch=epoch)):
                for group in optimiser.param_groups:
                    group["lr"] = rate((epoch + step / steps) / epochs)
                optimiser.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimiser.step()
