"""What makes a network in memory the one that it is: its weights, and as much of its code as can be seen."""

import hashlib
import inspect
import sys
from pathlib import Path

from torch import nn

from ..values import address
from .brought import hash_of

_TELLING = (int, float, str, bool, type(None))


def identity(model: nn.Module) -> str:
    """12 hexadecimal digits that stand for a network: weights, classes, the files of these, and their plain options.

    A number that the forward pass reads from elsewhere is not seen.
    """
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    parts = [(name, type(part), _options(part)) for name, part in model.named_modules()]
    said = [[name, f"{kind.__module__}.{kind.__qualname__}", options] for name, kind, options in parts]
    return address([hash_of(tensors), said, sorted({_source(kind) for _, kind, _ in parts})])


def _options(part: nn.Module) -> list[list[str]]:
    """Numbers and words that lie on a module, such as a temperature or a number of groups."""
    held = {name: option for name, option in vars(part).items() if name != "training"}
    functions = [[name, option.__qualname__] for name, option in held.items() if inspect.isroutine(option)]
    return sorted([*functions, *([name, repr(option)] for name, option in held.items() if _plain(option))])


def _plain(option: object) -> bool:
    return all(map(_plain, option)) if isinstance(option, (list, tuple)) else isinstance(option, _TELLING)


def _source(kind: type[nn.Module]) -> str:
    """A hash of the file in which a class is written; torch's own, and what is typed at a prompt, have none."""
    if kind.__module__.partition(".")[0] == "torch":
        return ""
    try:
        written = inspect.getsource(kind).encode()
    except (OSError, TypeError):
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        written = Path(file).read_bytes() if file and Path(file).is_file() else b""
    return hashlib.sha256(written).hexdigest()[:12]
