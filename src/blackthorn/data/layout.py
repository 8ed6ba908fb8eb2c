"""Where tensors lie in a safetensors file, for files that are larger than memory: written and read part by part.

Reference: the description of the format, https://huggingface.co/docs/safetensors: the length of the head in 8 bytes,
little end first; the head, in JSON, which spaces may follow; the bytes of the tensors, without gaps.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

_BYTES = {"U8": 1, "F32": 4, "I64": 8}
_NAMES = {torch.uint8: "U8", torch.float32: "F32", torch.int64: "I64"}


@dataclass(frozen=True)
class Entry:
    """A tensor that a file is to hold."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """How many it takes."""
        return torch.Size(self.shape).numel() * _BYTES[_NAMES[self.dtype]]


@dataclass(frozen=True)
class Layout:
    """The tensors of a file, in their order; numbers of 8 bytes come first, so that all are aligned."""

    entries: Mapping[str, Entry]

    def head(self, metadata: Mapping[str, str]) -> bytes:
        """What the file begins with."""
        described: dict[str, object] = {"__metadata__": dict(metadata)}
        first = 0
        for name, entry in self.entries.items():
            offsets = [first, first := first + entry.bytes]
            described[name] = {"dtype": _NAMES[entry.dtype], "shape": list(entry.shape), "data_offsets": offsets}
        text = json.dumps(described).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text

    def places(self, head: bytes) -> tuple[dict[str, int], int]:
        """Where each tensor begins in a file with this head, and where the file ends."""
        places, first = {}, len(head)
        for name, entry in self.entries.items():
            places[name] = first
            first += entry.bytes
        return places, first


def offset_of(path: Path, name: str) -> int:
    """Where the bytes of a tensor begin in a file.

    Raises:
        OSError, ValueError, KeyError: it is no such file, or holds no such tensor.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))[name]
    return 8 + length + int(entry["data_offsets"][0])
