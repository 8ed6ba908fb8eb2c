"""Networks with gates that are in all states."""

import torch
from torch import nn

from blackthorn.gates import BetaBernoulliGate, gates_of


def half_closed(model: nn.Module, *, seed: int = 0, keep: float = 0.5) -> nn.Module:
    """Close a part of the units of every gate, and open the others differently wide."""
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for gate in gates_of(model):
            assert isinstance(gate, BetaBernoulliGate)
            opened = torch.rand(len(gate.a), generator=chance) < keep
            opened[0] = True
            gate.a.copy_(torch.where(opened, torch.randn(len(gate.a), generator=chance), -9.0))
    return model
