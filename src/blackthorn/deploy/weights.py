"""Weights from a file that anybody wrote: tensors by name, read without running code, and fitted to a network."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import ModelError
from ..files import one_line
from .container import header_of, read
from .contents import state_in
from .hub import local

_STATE = ("state_dict", "model_state_dict", "model")
"""Entries of a checkpoint under which training scripts keep the network's weights, in the order of preference."""
_COUNTER = "num_batches_tracked"  # of a batch norm; no part of what a network computes, and not in old files


def content_of(file: str) -> bytes:
    """What a file of weights holds, on this machine or on the hub (`hf://owner/name/file`).

    Raises:
        ModelError: it cannot be read.
        BundleError: the hub does not give it.
    """
    path = local(file)
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ModelError(f"{file}: the weights cannot be read ({problem.strerror or problem})") from None


def read_weights(file: str) -> Mapping[str, Tensor]:
    """The tensors of a `.safetensors` file, a bundle too, or of a state dict that torch saved, by name.

    Nothing is unpickled. Of a checkpoint with other things in it, the one entry that is a state dict is taken.

    Raises:
        ModelError: no such file, or no plain state dict.
        BundleError: a bundle that is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    content = content_of(file)
    if header_of(file) is not None:
        return state_in(*read(local(file)))[0]
    try:
        if file.endswith(".safetensors"):
            found: object = from_bytes(content)
        else:
            found = torch.load(local(file), map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, ValueError, KeyError, EOFError, OSError) as problem:
        raise ModelError(f"{file}: holds no weights that can be read ({one_line(problem)})") from None
    except Exception as problem:  # torch raises pickle's own error for what it refuses, which has no other parent
        raise ModelError(f"{file}: is no plain state dict ({one_line(problem)}); save model.state_dict()") from None
    if isinstance(found, Mapping) and not _is_state(found):
        inside = {str(name): held for name, held in found.items() if _is_state(held)}
        chosen = next((name for name in _STATE if name in inside), next(iter(inside)) if len(inside) == 1 else None)
        found = inside.get(chosen or "")
    if not isinstance(found, Mapping) or not _is_state(found):
        raise ModelError(f"{file}: is no state dict; save model.state_dict(), a tensor for each name")
    return found


def fitted(file: str, state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of the network, `wanted`; a prefix that all have in common may differ or be missing.

    Raises:
        ModelError: they do not fit; names the first difference, and what the network has there.
    """
    named = _renamed(state, wanted)
    for name, tensor in wanted.items():
        if name not in named and name.endswith(_COUNTER):
            named[name] = tensor
    for name, tensor in wanted.items():
        if name not in named:
            extra = next((held for held in named if held not in wanted), None)
            instead = "" if extra is None else f"; the file has '{extra}' instead"
            size = f"{tuple(tensor.shape)}"
            raise ModelError(f"{file}: '{name}' {size} of the network is not in it{instead}; give its own file")
        if named[name].shape != tensor.shape:
            sizes = f"{tuple(named[name].shape)}, the network wants {tuple(tensor.shape)}"
            raise ModelError(f"{file}: '{name}' has shape {sizes}; give the options that it was built with")
    for name in named:
        if name not in wanted:
            raise ModelError(f"{file}: '{name}' is not part of the network; give the network that it was saved from")
    return named


def _is_state(found: object) -> bool:
    return (
        isinstance(found, Mapping)
        and bool(found)
        and all(isinstance(name, str) and isinstance(held, Tensor) for name, held in found.items())
    )


def _renamed(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names with which most weights find their place: as they are, or with the common prefix of the network's."""
    theirs, ours = _prefix(state), _prefix(wanted)
    readings = [dict(state)]
    for taken in _beginnings(theirs):
        for given in _beginnings(ours):
            readings.append({given + name.removeprefix(taken): held for name, held in state.items()})
    return max(readings, key=lambda named: len(named.keys() & wanted.keys()))


def _prefix(state: Mapping[str, Tensor]) -> str:
    """What all names begin with, up to the last dot: "model." of "model.conv.weight" and "model.fc.bias"."""
    first, last = min(state, default=""), max(state, default="")
    common = next((at for at, (one, other) in enumerate(zip(first, last)) if one != other), min(len(first), len(last)))
    return first[: first.rfind(".", 0, common) + 1]


def _beginnings(prefix: str) -> list[str]:
    """ "a.b." -> "", "a.", "a.b."."""
    return [prefix[: at + 1] for at in range(-1, len(prefix)) if at < 0 or prefix[at] == "."]
