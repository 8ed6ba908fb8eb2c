"""Follow channels through any network: run it once, and note which axis of which tensor carries which
channels.

Every channel that a layer makes gets a number. Operations pass the numbers on (relu, pooling), repeat them
(flatten), join them (cat) or declare them one and the same (an addition couples its two sides). What comes
out is, for each axis of each parameter, the channel numbers it is indexed by: enough to mask, to shrink
and to count. Along with its numbers a tensor carries, per channel, the constant it is known to hold, or
nan: a zeroed filter holds 0, and sigmoid makes that 0.5.

An operation that is not known here pins its channels: they can be neither pruned nor removed, and
`Trace.reasons` says why. Functions and methods are seen alike, by a torch function mode, so that no module
type matters.
"""

import torch
from torch import Tensor, nn

from ..errors import PruningError
from ..models import eval_mode
from .tracer import Tracer
from .traces import Trace


def trace(model: nn.Module, example: Tensor, *, bury: bool = False) -> Trace:
    """Run the network on `example` in eval mode and follow its channels; the network is left as it was.

    Args:
        model: any network.
        example: one image or more, (batch, channels, height, width).
        bury: take norms and depthwise filters whose input is constantly zero to give zero, which is
            what masking them will make true; without it they give the constant that they give.
    Raises:
        PruningError: the network cannot run on the example.
    """
    if example.dim() < 2 or not len(example):
        raise PruningError(f"example must be a batch of images such as x[:1], got shape {tuple(example.shape)}")
    tracer = Tracer(model, bury=bury)
    batch = torch.cat([example[:1], example[:1]])  # a batch of one hides which axis is the batch
    devices = [batch.device] if batch.is_cuda else []
    with torch.random.fork_rng(devices), eval_mode(model), torch.no_grad():
        tracer.start(batch)
        try:
            with tracer:
                logits = model(batch)
        except (RuntimeError, TypeError, IndexError) as error:
            line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise PruningError(f"the network cannot run on an example of shape {tuple(batch.shape)}: {line}") from error
    return tracer.finish(logits)
