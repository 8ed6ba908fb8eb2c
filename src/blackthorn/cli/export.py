"""`blackthorn export`: a network as files that other runtimes read."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .application import app
from .closing import busy
from .options import Allowed, DataRoot, Network, Resize, Weights


@app.command
def export(
    network: Network,
    /,
    *,
    to: Annotated[Path, Parameter(name="--to", help="The folder of the files.")] = Path("exported"),
    formats: Annotated[
        str, Parameter(name="--formats", help="`onnx`, `pt2` and `int8`, with commas between.")
    ] = "onnx,pt2",
    calibrate: Annotated[
        str | None,
        Parameter(
            name="--calibrate",
            help="Labelled images, `digits`, a folder, or a hub id: training images calibrate `int8`, test images "
            "verify every file. Needed for `int8`, and for what is no bundle.",
        ),
    ] = None,
    weights: Weights = None,
    resize: Resize = None,
    data_root: DataRoot = None,
    allow_code: Allowed = (),
) -> None:
    """Write a network as ONNX, `torch.export` or int8 ONNX, and run each file before it is given out.

    For example, a bundle for ONNX Runtime, and a network of your own in 8 bits:

        blackthorn export net.safetensors --to shipped

        blackthorn export my_nets:small --weights small.pt --formats onnx,int8 --calibrate my_images

    Files must give the logits of the network, to 1e-4, on random and on test images; int8 must keep most decisions. A
    file that does not is not written. ONNX needs `pip install 'blackthorn[export]'`.
    """
    with busy("Loading"):
        from ..exporting import export_named

    asked = tuple(word.strip() for word in formats.split(",") if word.strip())
    with busy("Exporting"):
        done = export_named(
            network,
            to,
            asked,
            weights=weights,
            source=calibrate,
            resize=resize,
            data_root=data_root,
            allow_code=allow_code,
        )
    print(done)
