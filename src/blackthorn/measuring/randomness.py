"""Random numbers of measuring's own, so that measuring never moves training's generators."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def own_randomness(device: torch.device, seed: int = 0) -> Iterator[None]:
    """Within: torch's generators start from this seed. After: they stand where they stood."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also seed devices that are not restored
        for one in cuda:
            with torch.cuda.device(one):
                torch.cuda.manual_seed(seed)
        yield
