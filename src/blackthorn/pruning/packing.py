"""A tensor without its zeros, bit for bit: the entries that are left, one after the other, and where they stand.

Places are written in the shorter of two ways: a bit for each entry of the tensor, or a byte for each entry that is
left, which says how far it is from the one before. Bits are shorter from about one entry in eight on.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import PruningError

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""By bytes, so that bits are compared and moved, and -0.0 and nan stay what they are."""
_FAR = 255
"""The longest step of one byte; a byte of 0 means that many entries further, and nothing there."""
_HEADER = 200
"""What a second tensor and its description take in a file's header, in bytes: nothing is packed to save less."""

How = Literal["bits", "gaps"]


@dataclass(frozen=True)
class Packed:
    """What is left of a tensor."""

    values: Tensor
    """(entries,), in the tensor's own type."""
    how: How
    places: Tensor
    """uint8: bits, the first entry in the highest bit of the first byte; or gaps, of which 1 is the next entry."""
    shape: tuple[int, ...]


def pack(tensor: Tensor, keep: Tensor | None = None) -> Packed | None:
    """The entries of a tensor that are kept; None where the whole tensor takes no more bytes.

    Args:
        tensor: on the CPU, of any type.
        keep: bool of the same shape, what to keep, if it is more or less than what is not zero. Where it removes
            something, the result is never None, and unpacked entries that were not kept are +0. Without it, tensors of
            one axis, biases and statistics, are left whole: they are small, and often zero by chance.
    """
    integers = _INTEGERS.get(tensor.dtype.itemsize)
    if integers is None or (keep is None and tensor.dim() < 2):
        return None
    flat = tensor.detach().contiguous().view(-1)
    kept = (flat.view(integers) != 0) if keep is None else keep.reshape(-1)
    if kept.all():
        return None
    at = kept.nonzero().flatten()
    places: dict[How, Tensor] = {"bits": torch.from_numpy(np.packbits(kept.numpy()))}
    if len(at) < len(places["bits"]):
        places["gaps"] = _gaps(at)
    how = min(places, key=lambda one: len(places[one]))
    saved = (len(flat) - len(at)) * tensor.dtype.itemsize - len(places[how])
    if keep is None and saved <= _HEADER:
        return None
    return Packed(flat[at], how, places[how], tuple(tensor.shape))


def unpack(packed: Packed) -> tuple[Tensor, Tensor]:
    """The whole tensor, and which of its entries are kept, bool of the same shape.

    Raises:
        PruningError: the places are not those of these values.
    """
    integers = _INTEGERS.get(packed.values.dtype.itemsize)
    if integers is None:
        raise PruningError(f"values of type {packed.values.dtype} cannot have been packed")
    at, kept = _places(packed)
    whole = torch.zeros(packed.shape, dtype=packed.values.dtype)
    whole.view(-1).view(integers).scatter_(0, at, packed.values.view(integers))
    return whole, kept.view(packed.shape)


def _places(packed: Packed) -> tuple[Tensor, Tensor]:
    """The numbers of the kept entries in the flattened tensor, int64 and rising; and bool for each of its entries."""
    size, codes = math.prod(packed.shape), packed.places
    right = codes.dtype == torch.uint8 and codes.dim() == packed.values.dim() == 1
    if right and packed.how == "bits" and len(codes) == -(-size // 8):
        kept = torch.from_numpy(np.unpackbits(codes.numpy(), count=size).view(bool))
        at = torch.from_numpy(np.flatnonzero(kept.numpy()))
    elif right and packed.how == "gaps":
        at, kept = _at(codes), torch.zeros(size, dtype=torch.bool)
        right = not len(at) or int(at[-1]) < size
        kept[at if right else at[:0]] = True
    else:
        right, at = False, codes
    if not right or len(at) != len(packed.values):
        raise PruningError(f"{len(packed.values)} values do not stand where its {packed.how} say; it is damaged")
    return at, kept


def _gaps(at: Tensor) -> Tensor:
    """Steps from each place to the next, the first from just before the tensor."""
    steps = at.diff(prepend=at.new_tensor([-1]))
    far = (steps - 1) // _FAR
    codes = torch.zeros(int(far.sum()) + len(at), dtype=torch.uint8)
    codes[(far + 1).cumsum(0) - 1] = (steps - far * _FAR).to(torch.uint8)
    return codes


def _at(gaps: Tensor) -> Tensor:
    steps = gaps.long()
    return (steps + _FAR * (steps == 0)).cumsum(0)[steps > 0] - 1
