"""`blackthorn compress`: from a trained network to a smaller or faster one that is as good."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .application import app
from .closing import busy, close_compression, print_json
from .options import Allowed, Data, DataRoot, Device, Json, License, Network, Norm, Resize, StoreFolder, Weights

Wish = str | None


@app.command
def compress(
    network: Network,
    /,
    *,
    data: Data,
    smaller: Annotated[Wish, Parameter(name="--smaller", help="So many times fewer bytes of the file: `4x`.")] = None,
    faster: Annotated[
        Wish, Parameter(name="--faster", help="So many times less time for `--batch` images on this machine: `2x`.")
    ] = None,
    sparsity: Annotated[
        Wish, Parameter(name="--sparsity", help="So many of the weights zero, with the zeros left in place: `90%`.")
    ] = None,
    keep_accuracy: Annotated[
        str, Parameter(name="--keep-accuracy", help="Points of natural accuracy that may be lost.")
    ] = "1",
    eps: Annotated[
        Wish,
        Parameter(
            name="--eps",
            help="Keep it as hard to fool at this radius, such as `8/255`, in pixels of [0, 1]; fine-tuning is then "
            "adversarial, and takes about four times as long.",
        ),
    ] = None,
    keep_robustness: Annotated[
        Wish,
        Parameter(name="--keep-robustness", help="Points of accuracy under attack that may be lost; 2, with `--eps`."),
    ] = None,
    norm: Norm = "linf",
    tier: Annotated[
        str, Parameter(name="--tier", help="The attack of the audit: `screen`, `standard` or `full`.")
    ] = "screen",
    epochs: Annotated[str, Parameter(name="--epochs", help="Epochs of fine-tuning for each network tried.")] = "5",
    lr: Annotated[str, Parameter(name="--lr", help="First learning rate of fine-tuning, by Adam.")] = "1e-3",
    batch: Annotated[str, Parameter(name="--batch", help="Images at once, where time is measured.")] = "1",
    images: Annotated[
        str, Parameter(name="--images", help="Choose by at most so many test images, and audit on as many others.")
    ] = "1000",
    weights: Weights = None,
    resize: Resize = None,
    out: Annotated[
        Path | None,
        Parameter(name="--out", help="Folder for the bundle, the page and the recipe: by default NETWORK-compressed."),
    ] = None,
    license: License = "unknown",
    dry_run: Annotated[
        bool,
        Parameter(
            name="--dry-run",
            negative="",
            help="Say what would be trained, about how long it takes, and what is done already; train nothing.",
        ),
    ] = False,
    json: Json = False,
    store: StoreFolder = Path("runs"),
    data_root: DataRoot = None,
    device: Device = None,
    allow_code: Allowed = (),
) -> None:
    """Compress a trained network: make it smaller, faster or sparse, and say what that costs.

    For example, a file of a quarter of the bytes that loses at most one point of accuracy:

        blackthorn compress net.safetensors --data digits --smaller 4x

    or a network of your own, twice as fast for a single image, and as hard to fool as before:

        blackthorn compress my_nets:small --weights small.pt --data my_images --faster 2x --eps 8/255

    It is pruned in several ways to several rates, and fine-tuned each time. Of those that lose no more than may be
    lost, the one that goes furthest is cut down, audited against the original on test images by which it was not
    chosen, and written with its page and its recipe. A command that was stopped is resumed by repeating it. Where no
    network fulfils the wishes, it says which wish was the expensive one and what comes closest; the exit code is 1.
    """
    with busy("Loading"):
        from ..compressing import Asked, carried_out, planned
        from .commands import watched

    options = {
        "smaller": smaller,
        "faster": faster,
        "sparsity": sparsity,
        "batch": batch,
        "keep_accuracy": keep_accuracy,
        "keep_robustness": keep_robustness,
        "eps": eps,
        "norm": norm,
        "tier": tier,
        "images": images,
        "epochs": epochs,
        "lr": lr,
    }
    said = tuple(sys.argv[1:])
    asked = Asked(network, weights, data, options, resize, out, license, allow_code=allow_code, said=said)
    if dry_run:
        with busy("Looking ahead"):
            ahead = planned(asked, store=store, data_root=data_root, device=device)
        print_json(ahead.to_json()) if json else sys.stdout.write(ahead.told())
        return
    compressed = watched(carried_out, asked, store=store, data_root=data_root, device=device, jobs=None)
    if json:
        print_json(compressed.to_json())
    close_compression(compressed)
    if not compressed.granted:
        sys.exit(1)
