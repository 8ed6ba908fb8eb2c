"""Where a network is."""

from itertools import chain

import torch
from torch import nn


def device_of(model: object, default: torch.device | str = "cpu") -> torch.device:
    """The device of a network's first parameter, or buffer; `default` for one without, and for what is no network."""
    if isinstance(model, nn.Module):
        for tensor in chain(model.parameters(), model.buffers()):
            return tensor.device
    return torch.device(default)
