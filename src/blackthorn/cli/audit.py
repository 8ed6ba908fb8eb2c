"""`blackthorn audit`: how accurate and how hard to fool somebody's trained network is."""

import sys
from typing import Annotated

from cyclopts import Parameter

from .application import app
from .closing import busy, close_audit, print_json
from .options import Allowed, Data, DataRoot, Device, Json, Network, Norm, Resize, StoreName, Weights


@app.command
def audit(
    network: Network,
    /,
    *,
    data: Data,
    weights: Weights = None,
    eps: Annotated[str, Parameter(name="--eps", help="The largest radius, in pixels of [0, 1].")] = "8/255",
    norm: Norm = "linf",
    tier: Annotated[str, Parameter(name="--tier", help="The attack: `screen`, `standard` or `full`.")] = "screen",
    against: Annotated[
        str | None,
        Parameter(
            name="--against",
            help="The network that it came from: is the one as hard to fool as the other? As NETWORK, or a file of "
            "weights for the same factory.",
        ),
    ] = None,
    images: Annotated[
        str, Parameter(name="--images", help="At most so many test images, evenly spread: 1,000 suit two cores.")
    ] = "1000",
    resize: Resize = None,
    json: Json = False,
    store: StoreName = "runs",
    data_root: DataRoot = None,
    device: Device = None,
    allow_code: Allowed = (),
) -> None:
    """Audit a trained network: is it accurate, is it hard to fool, and what should be done about it?

    For example, a network of your own whose weights are in a file, and the smaller one that was made from it:

        blackthorn audit my_nets:small --weights small.pt --data my_images --against original.safetensors

    Measured are natural accuracy, accuracy under AutoAttack at a quarter, half and the whole of `--eps`, every alarm,
    the worst classes, the most fragile images, cost and latency. A command that was stopped is resumed by repeating it.
    """
    with busy("Loading"):
        from ..auditing import Asked, carried_out
        from .commands import watched

    options = {"eps": eps, "norm": norm, "tier": tier, "images": images}
    asked = Asked(network, weights, against, data, options, resize, allow_code=allow_code, said=tuple(sys.argv[1:]))
    audited = watched(carried_out, asked, store=store, data_root=data_root, device=device)
    if json:
        print_json(audited.to_json())
    close_audit(audited)
