"""The lines of Python by which somebody loads what was shipped: with this package, and without it."""

import inspect
import sys

from .bundle import PLAIN
from .container import Header

_UNPACK = """
    packed = json.loads(file.metadata()["blackthorn"])["packed"]
for name, form in packed.items():
    places, values = state.pop(name + "." + form["how"]), state[name]
    if form["how"] == "bits":  # a bit for each entry
        at = torch.from_numpy(numpy.unpackbits(places.numpy())).nonzero().flatten()
    else:  # a byte for each step from entry to entry; 0 is 255 steps and no entry
        at = torch.where(places == 0, 255, places.long()).cumsum(0)[places > 0] - 1
    whole = torch.zeros(form["shape"], dtype=values.dtype)
    state[name] = whole.view(-1).scatter(0, at, values).view(form["shape"])
"""


def lines_with(header: Header, file: str, shape: tuple[int, int, int]) -> str:
    """Load a bundle, and ask it about an image; `shape` is that of one image."""
    kind = str(header.architecture.get("kind"))
    options = f', factory="{kind}"' if ":" in kind else ""
    if kind == PLAIN:
        options = f", into={header.architecture.get('class')}(...)"
    return (
        "import torch\n"
        "import blackthorn as bt\n\n"
        f'model = bt.deploy.load("{file}"{options}).model\n'
        f"logits = model(torch.rand(1, {', '.join(map(str, shape))}))\n"
    )


def lines_in_onnx_runtime(file: str, shape: tuple[int, int, int]) -> str:
    """Ask an ONNX file about an image."""
    return (
        "import numpy, onnxruntime\n\n"
        f'session = onnxruntime.InferenceSession("{file}")\n'
        f"images = numpy.random.rand(1, {', '.join(map(str, shape))}).astype(numpy.float32)\n"
        '(logits,) = session.run(["logits"], {"images": images})\n'
    )


def lines_of_weights(header: Header, file: str, *, whole: bool) -> str:
    """Read the weights by the names that they have in the network, with nothing but safetensors.

    Args:
        header: of the bundle.
        file: its name.
        whole: whether the weights have the shapes in which a person's own factory makes them, so that its network takes
            them.
    """
    module, _, factory = str(header.architecture.get("kind")).partition(":")
    own = bool(factory) and whole and not header.layers
    needed = ["import json, numpy, torch"] if header.packed else []
    needed += ["from safetensors import safe_open", *([f"from {module} import {factory}"] if own else [])]
    read = [
        "",
        f'with safe_open("{file}", "pt") as file:',
        "    state = {name: file.get_tensor(name) for name in file.keys()}",
    ]
    text = "\n".join([*needed, *read]) + (_UNPACK if header.packed else "\n")
    return text + (f"model = {_call(header)}\nmodel.load_state_dict(state)\n" if own else "")


def _call(header: Header) -> str:
    """The call that makes a person's own network, whose module is imported already."""
    said = {name: option for name, option in header.architecture.items() if name != "kind"}
    module, _, factory = str(header.architecture["kind"]).partition(":")
    parameters = inspect.signature(getattr(sys.modules[module], factory)).parameters.values()
    spread = any(one.kind is one.VAR_KEYWORD for one in parameters)
    names = {one.name for one in parameters} | (said.keys() - {"in_channels", "image_size"} if spread else set())
    return f"{factory}({', '.join(f'{name}={option!r}' for name, option in said.items() if name in names)})"
