"""A page on which people try networks: draw, see what each answers, and what a small change of the pixels does.

It is one file that loads nothing: ONNX Runtime Web, packed, stands in it with the networks, and the browser unpacks it.
The runtime is not part of this package. Whoever wants the page gets it with `npm install onnxruntime-web`, which leaves
it in `node_modules/onnxruntime-web/dist`.
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from .template import HERE, fill

_SCRIPT, _WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
_QUERIES = 400
"""Questions of the attack: a second or two for a small network."""


@dataclass(frozen=True)
class Tried:
    """What the page lets people try."""

    networks: Mapping[str, bytes]
    """Name -> its ONNX file, with `images` (batch, C, H, W) in and `logits` out."""
    shape: tuple[int, int, int]
    """Channels, height, width; one channel or three."""
    classes: Sequence[str]
    images: Sequence[tuple[bytes, int]] = ()
    """Some test images, a byte for each pixel (C, H, W), and their labels."""
    eps: float = 0.1
    """The radius at which the slider begins."""


def demo(tried: Tried, runtime: Path) -> str:
    """The page as text.

    Args:
        tried: networks and images.
        runtime: the folder `dist` of onnxruntime-web.
    Raises:
        StoreError: the folder has not the runtime's files.
    """
    from markupsafe import Markup

    script, wasm = (_read(runtime, name) for name in (_SCRIPT, _WASM))
    told = {
        "shape": list(tried.shape),
        "classes": list(tried.classes),
        "queries": _QUERIES,
        "networks": [{"name": name, "model": _packed(model)} for name, model in tried.networks.items()],
        "images": [{"pixels": b64encode(pixels).decode(), "label": label} for pixels, label in tried.images],
    }
    return fill(
        "demo.html",
        names=" and ".join(tried.networks),
        width=tried.shape[2],
        height=tried.shape[1],
        queries=_QUERIES,
        eps=tried.eps,
        limit=max(2 * tried.eps, 0.1),
        style=Markup((HERE / "page.css").read_text("utf-8")),
        script=Markup((HERE / "demo.js").read_text("utf-8")),
        told=Markup(json.dumps(told).replace("<", "\\u003c")),
        runtime=Markup(b64encode(script).decode()),
        wasm=Markup(_packed(wasm)),
    )


def check_runtime(runtime: Path) -> None:
    """Raises StoreError where the folder has not the runtime's files."""
    for name in (_SCRIPT, _WASM):
        _read(runtime, name)


def _read(runtime: Path, name: str) -> bytes:
    try:
        return (runtime / name).read_bytes()
    except OSError:
        hint = "npm install onnxruntime-web, and give node_modules/onnxruntime-web/dist"
        raise StoreError(f"--try-with {runtime}: holds no {name}; {hint}") from None


def _packed(content: bytes) -> str:
    return b64encode(gzip.compress(content, 9, mtime=0)).decode()
