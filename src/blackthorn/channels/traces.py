"""What following the channels of a network finds, as data."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

OUTPUT = "makes the output of the network"
INPUT = "is tied to the channels of the image"


@dataclass(frozen=True)
class Use:
    """One call of a convolution or linear layer: what it reads and what it writes, by channel number."""

    weight: str
    bias: str | None
    into: Tensor
    """Channel number of each entry of the weight's second axis."""
    value: Tensor
    """Constant that this input entry holds in the traced network, or nan."""
    out: Tensor
    padded: bool
    """Zeros are padded around the input, so that a constant other than 0 is not constant at the border."""


@dataclass
class Trace:
    """What one run of a network tells about its channels. Numbers in `axes` and `uses` index `root`."""

    axes: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    """Parameter or buffer name -> axis -> channel number of each index."""
    uses: list[Use] = field(default_factory=list)
    """Convolutions and linear layers that make channels of their own, in the order they run."""
    followers: dict[str, Tensor] = field(default_factory=dict)
    """Module of a norm or depthwise convolution -> the channels that it works on, one by one."""
    idle: dict[str, Tensor] = field(default_factory=dict)
    """Parameter of a follower -> bool (C,): its input is constantly zero there."""
    stuck: dict[str, str] = field(default_factory=dict)
    """Parameter that is used in a way that cannot be followed -> how."""
    root: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    """Channel number -> representative of all that must stay or go together."""
    reasons: dict[int, str] = field(default_factory=dict)
    """Representative -> why it can neither be pruned nor removed; the absent can."""

    def free(self, ids: Tensor) -> Tensor:
        """Bool, per channel number: may it go?"""
        pinned = torch.zeros(len(self.root), dtype=torch.bool)
        pinned[list(self.reasons)] = True
        return ~pinned[self.root[ids]]

    def reason(self, ids: Tensor) -> str | None:
        """Why some of these channels are pinned, or None."""
        found = (self.reasons[r] for r in self.root[ids].tolist() if r in self.reasons)
        return next(found, None)
