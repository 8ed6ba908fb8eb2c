"""The file of a bundle: named tensors and one JSON header in a safetensors file, written whole or not at all."""

import json
import os
import reprlib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from ..errors import BundleError
from ..files import one_line, write_whole
from ..pruning.packing import How
from ..values import parse, spell, value
from .hub import local
from .replaced import Form

VERSION = 3
KEY = "blackthorn"  # of the header among the file's metadata


@value
class PackedForm:
    """How a tensor is stored without its zeros."""

    how: How
    shape: tuple[Annotated[int, Field(ge=0, le=2**30)], ...]
    """Of the whole tensor."""


@value
class Header:
    """What a bundle says about its tensors."""

    version: Literal[1, 2, 3]
    """2 if layers were replaced, which version 1 did not know; since 3, tensors have their own names, without zeros."""
    architecture: dict[str, object]
    """The dict from which `models.build` makes the network in its full size."""
    masked: bool
    """Masks are stored too; they may be empty."""
    about: dict[str, object]
    """Whatever its maker wants known."""
    layers: dict[str, Form] = field(default_factory=dict)
    """Layers that are of another kind than the architecture's, by name."""
    packed: dict[str, PackedForm] = field(default_factory=dict)
    """Tensors that are stored without their zeros, by name."""
    masks: tuple[str, ...] = ()
    """Parameters that have masks. What is stored of them is what their masks keep."""
    logits: list[list[float]] | None = None
    """Lists of what the network gives for example images, a list for each; None where nothing could be proved."""


def write(path: Path, header: Header, tensors: Mapping[str, Tensor]) -> None:
    """Write a bundle, whole or not at all.

    Raises:
        BundleError: the header is not JSON, or the disk refuses.
    """
    try:
        text = json.dumps(spell(header), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BundleError(f"{path}: {error}; about= may hold text, finite numbers, lists and dicts") from error
    try:
        write_whole(path, to_bytes(dict(tensors), metadata={KEY: text}))
    except OSError as error:
        raise BundleError(
            f"{path} was not written ({error.strerror or error}); free some space or give another path"
        ) from error


def read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """The header and the tensors of a file that `write` made.

    Raises:
        BundleError: no such file, another kind of file, a damaged one, or one of another version.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}") from error
    # Zip and pickle: torch.save. Ours begins with the length of its header, whose bytes may be the same, and "{".
    if start.startswith((b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")) and start[8:] != b"{":
        raise BundleError(
            f"{path} is a pickle (torch.save), which could run any code when read; write it with deploy.save"
        )
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise BundleError(f"{path} is damaged or no safetensors file: {one_line(error)}") from error
    if text is None:
        raise BundleError(f"{path} is a safetensors file without architecture; write it with deploy.save")
    return _header(path, text), tensors


def header_of(file: str | os.PathLike[str]) -> Header | None:
    """What a bundle says about itself, without reading its tensors; None of other files. `hf://owner/name` is one too.

    Raises:
        BundleError: it is a bundle, and damaged; or the hub does not give it.
    """
    path = local(os.fspath(file))
    try:
        with safe_open(path, framework="pt") as opened:
            text = (opened.metadata() or {}).get(KEY)
    except (SafetensorError, OSError):
        return None
    return None if text is None else _header(path, text)


def _header(path: Path, text: str) -> Header:
    try:
        said = json.loads(text)
        version = said.get("version") if isinstance(said, dict) else None
        if isinstance(version, bool) or not isinstance(version, int) or version not in range(1, VERSION + 1):
            raise BundleError(
                f"{path} is a bundle of version {reprlib.repr(version)}, this is {VERSION}; update blackthorn"
            )
        header: Header = parse(Header, said)
    except BundleError:
        raise
    except RecursionError:
        raise BundleError(f"{path} has a damaged header: it is nested too deeply") from None
    except (ValueError, OverflowError) as error:  # no JSON, not our JSON, numbers of thousands of digits
        raise BundleError(f"{path} has a damaged header: {one_line(error)}") from error
    return header
