"""What the tensors of a bundle are: the network's, by their own names and without zeros; masks; logits that it gave.

Since version 3 a tensor has the name that it has in the network, so that whoever has the network's class needs nothing
but safetensors. One that is mostly zeros is stored without them, as `NAME` and `NAME.bits` or `NAME.gaps`
(`pruning.packing`). A mask is where its parameter's entries are stored. Versions 1 and 2 have dense tensors, named
`model.NAME`, and a `mask.NAME` for each mask.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import BundleError
from ..pruning import Masks
from ..pruning.packing import Packed, pack, unpack
from .container import Header, PackedForm
from .proof import example_images

_MODEL, _MASK, _EXAMPLE = "model.", "mask.", "example."
_MOST = 2**30  # numbers in all packed tensors, 4 GB in float32: a few bytes can claim any shape


def laid_out(
    state: Mapping[str, Tensor], masks: Masks | None
) -> tuple[dict[str, Tensor], dict[str, PackedForm], tuple[str, ...]]:
    """Tensors by their names in the file; how the packed ones are packed; and which parameters have masks."""
    tensors, forms = {}, {}
    for name, tensor in state.items():
        whole = tensor.detach().cpu().contiguous()
        mask = None if masks is None or name not in masks else masks[name].cpu()
        packed = pack(whole, mask)
        if packed is None:
            tensors[name] = whole.clone()  # no shared storage
            continue
        tensors[name], tensors[f"{name}.{packed.how}"] = packed.values, packed.places
        forms[name] = PackedForm(how=packed.how, shape=packed.shape)
    return tensors, forms, tuple(masks or ())


def state_in(header: Header, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Masks | None]:
    """The network's tensors, whole and by its own names, and its masks, from a file of any version.

    Raises:
        BundleError: something is missing, or of sizes that no memory holds.
        PruningError: packed tensors are damaged.
    """
    if header.version < 3:
        return _under(_MODEL, tensors), Masks(_under(_MASK, tensors)) if header.masked else None
    if sum(math.prod(form.shape) for form in header.packed.values()) > _MOST:
        raise BundleError("it describes packed tensors of sizes that no network has; they were not unpacked")
    packed = {name: unpack(_packed(name, form, tensors)) for name, form in header.packed.items()}
    places = {f"{name}.{form.how}" for name, form in header.packed.items()}
    state = {name: tensor for name, tensor in tensors.items() if name not in places and name not in packed}
    state |= {name: whole for name, (whole, _) in packed.items()}
    masks = {}
    for name in header.masks:
        if name not in state:
            raise BundleError(f"'{name}', which has a mask, is not in it")
        masks[name] = packed[name][1] if name in packed else torch.ones_like(state[name], dtype=torch.bool)
    return state, Masks(masks) if header.masked else None


def example_in(
    header: Header, tensors: Mapping[str, Tensor], shape: tuple[int, int, int]
) -> tuple[Tensor, Tensor] | None:
    """Images and the logits that the network gave for them; None where nothing could be proved.

    Raises:
        BundleError: the logits are damaged.
    """
    if header.version < 3:
        example = _under(_EXAMPLE, tensors)
        return (example["images"], example["logits"]) if {"images", "logits"} <= example.keys() else None
    if header.logits is None:
        return None
    if len({len(one) for one in header.logits}) != 1:
        raise BundleError("the logits in its header are of different lengths; it is damaged")
    return example_images(shape), torch.tensor(header.logits, dtype=torch.float32)


def _packed(name: str, form: PackedForm, tensors: Mapping[str, Tensor]) -> Packed:
    for part in (name, f"{name}.{form.how}"):
        if part not in tensors:
            raise BundleError(f"'{part}' is not in it")
    return Packed(tensors[name], form.how, tensors[f"{name}.{form.how}"], form.shape)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
