"""What is left of a tensor is the tensor, bit for bit, in fewer bytes."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from blackthorn.errors import PruningError
from blackthorn.pruning.packing import pack, unpack


def sparse(size: int, density: float, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    values = torch.randn(size, generator=chance).to(dtype)
    return values.masked_fill(torch.rand(size, generator=chance) >= density, 0)


def bits(tensor: Tensor) -> list[int]:
    return tensor.contiguous().view(-1).view(torch.uint8).tolist()


def test_gaps_are_the_steps_from_entry_to_entry_and_0_is_255_steps_without_one() -> None:
    tensor = torch.zeros(2, 1000)
    tensor[0, 2], tensor[0, 3], tensor[0, 258], tensor[1, 0] = 1.0, 2.0, 3.0, 4.0  # at 2, 3, 258 and 1000
    packed = pack(tensor)
    assert packed is not None and packed.how == "gaps"
    assert packed.values.tolist() == [1, 2, 3, 4]
    assert packed.places.tolist() == [3, 1, 255, 0, 0, 232]  # 3 from -1; 742 = 255 + 255 + 232


def test_bits_are_written_the_first_entry_highest() -> None:
    tensor = torch.zeros(80, 8)
    tensor[:, 0], tensor[:, 6], tensor[:, 7] = 1.0, 2.0, 3.0
    packed = pack(tensor)
    assert packed is not None and packed.how == "bits"
    assert packed.places.tolist() == [0b10000011] * 80


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 3000),
    density=st.sampled_from([0.0, 0.001, 0.01, 0.05, 0.12, 0.13, 0.5, 0.9, 1.0]),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool]),
    seed=st.integers(0, 100),
)
def test_every_bit_comes_back(size: int, density: float, dtype: torch.dtype, seed: int) -> None:
    tensor = sparse(size, density, dtype, seed)[None]
    packed = pack(tensor)
    if packed is None:
        return
    again, kept = unpack(packed)
    assert torch.equal(kept, again.view(torch.uint8).view(*again.shape, -1).any(-1))
    assert again.dtype == dtype and bits(again) == bits(tensor)
    taken = packed.values.numel() * dtype.itemsize + len(packed.places)
    assert taken < size * dtype.itemsize
    smallest = min(-(-size // 8), len(packed.values) + size // 255 + 1)
    assert len(packed.places) <= smallest


def test_minus_zero_and_nan_come_back_as_they_were() -> None:
    tensor = torch.zeros(1, 1000)
    tensor[0, 5], tensor[0, 6], tensor[0, 700] = -0.0, float("nan"), float("-inf")
    tensor.view(torch.int32)[0, 8] = 0x7FC12345  # a nan with a payload
    packed = pack(tensor)
    assert packed is not None and len(packed.values) == 4
    assert bits(unpack(packed)[0]) == bits(tensor)


def test_zeros_that_a_mask_keeps_are_kept() -> None:
    tensor, keep = torch.zeros(4, 100), torch.zeros(4, 100, dtype=torch.bool)
    keep[1, 3] = keep[2, 99] = True
    tensor[1, 3] = 7.0
    packed = pack(tensor, keep)
    assert packed is not None and packed.values.tolist() == [7.0, 0.0]
    whole, kept = unpack(packed)
    assert torch.equal(kept, keep) and torch.equal(whole, tensor)


@pytest.mark.parametrize(
    "tensor", [torch.rand(1000), torch.zeros(0), torch.zeros(20), torch.zeros(100).to(torch.complex128)]
)
def test_what_would_not_be_smaller_is_not_packed(tensor: Tensor) -> None:
    assert pack(tensor) is None


@pytest.mark.parametrize("density", [0.01, 0.5])
@pytest.mark.parametrize("damage", ["places", "values", "shape", "type"])
def test_damage_is_refused(density: float, damage: str) -> None:
    packed = pack(sparse(1000, density)[None])
    assert packed is not None
    broken = {
        "places": {"places": packed.places[:-1]},
        "values": {"values": packed.values[:-1]},
        "shape": {"shape": (10, 10)},
        "type": {"places": packed.places.float()},
    }[damage]
    with pytest.raises(PruningError, match=r"do not stand where its (bits|gaps) say; it is damaged"):
        unpack(dataclasses.replace(packed, **broken))  # type: ignore[arg-type]
