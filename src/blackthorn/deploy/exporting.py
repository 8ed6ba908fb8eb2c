"""A network as files that run without this package: ONNX, int8 ONNX, torch.export; each is run before it is written."""

import copy
import io
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from ..data import Pixels
from ..errors import BlackthornError, BundleError, ModelError, PruningError, did_you_mean
from ..files import one_line, write_whole
from ..models import architecture_of
from ..models.onnx_network import OnnxNetwork, require
from ..pruning import sparsity
from .agreement import Agreement, agreement, shown_images, some_of
from .exportable import Exportable, exportable
from .quantize import quantized, quietly

Format = Literal["onnx", "pt2", "int8"]
ENDINGS: Mapping[Format, str] = {"onnx": ".onnx", "pt2": ".pt2", "int8": ".int8.onnx"}
"""What the file of each format is called, after its name."""
_OPSET = 20  # what torch 2.13 writes by itself; ONNX Runtime reads it since 1.17
_MANY = 0.05  # of zeros among the weights, from which on a hint is worth a line
_LARGEST = 2**31 - 2**20  # bytes of an ONNX file, whose format ends at 2 GB


@dataclass(frozen=True)
class ExportedFile:
    """One file, and how far what runs it is from the network."""

    format: Format
    path: Path
    bytes: int
    agreement: Agreement
    """On random images and on those that were given, in batches of several sizes."""

    def __str__(self) -> str:
        return f"{self.path}: {self.bytes / 1e6:.2f} MB; {self.agreement}"


@dataclass(frozen=True)
class Exported:
    """The files of a network, and what had to be made plain before they could be written."""

    files: tuple[ExportedFile, ...]
    changed: tuple[str, ...]
    """A line each: gates that were folded, sparse layers that were made dense."""
    hints: tuple[str, ...] = ()
    """A line each: how the files could be smaller."""

    def __getitem__(self, format: Format) -> ExportedFile:
        """The file of a format that was asked for."""
        return next(file for file in self.files if file.format == format)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.files), *self.changed, *self.hints])


def export(
    model: nn.Module,
    folder: str | os.PathLike[str],
    formats: Iterable[str] = ("onnx", "pt2"),
    *,
    name: str = "network",
    images: Pixels | None = None,
    calibrate: Tensor | None = None,
    example_shape: tuple[int, int, int] | None = None,
) -> Exported:
    """Write a network as files for other runtimes; the batch is dynamic, and every file is run before it is given out.

    Each takes `images`, float32 (batch, channels, height, width) in [0, 1], and gives `logits` (batch, classes). ONNX
    and `.pt2` must give the logits of the network to 1e-4 (of the largest logit, where that is above 1) and the same
    decisions, in ONNX Runtime and in torch, on random images and on those given. int8 rounds, and knows the range of
    its calibration images only: most decisions must stay on the images given, and its `agreement` says how many do. A
    format that fails leaves no file, and no later one is tried.

    Args:
        model: dense, masked, gated, shrunk or sparse, or anybody's; not touched.
        folder: where to; made if it is not there. Files of the same names are replaced.
        formats: "onnx" (`NAME.onnx`), "pt2" (`NAME.pt2`) and "int8" (`NAME.int8.onnx`).
        name: what the files are called.
        images: real images to verify on beside random ones, uint8 or float32 in [0, 1] (n, channels, height, width).
        calibrate: training images that say which range int8 must cover, likewise; some hundreds.
        example_shape: channels, height, width of one image, where neither images nor an architecture say so.
    Raises:
        ModelError: nothing says which images it takes, a format is unknown, a package is missing, an exporter refuses
            the network, or a file gives other logits.
        BundleError: the folder cannot be written.
    """
    wanted = _checked(tuple(dict.fromkeys(formats)), calibrate)
    who = type(model).__name__
    shape = _shape(model, example_shape, images, calibrate)
    plain = exportable(model, shape)
    made = _Contents(plain, shape, calibrate)
    exact, rounded = shown_images(shape, images), some_of(images if images is not None else calibrate)
    files = []
    for format in wanted:
        path = Path(folder, name + ENDINGS[format])
        try:
            content, runs = made.of(format)
            found = agreement(runs, plain.wanted, rounded if format == "int8" and rounded is not None else exact)
        except BlackthornError as error:
            raise ModelError(f"{path}: {error}") from None
        if (doubt := found.refused(exact=format != "int8")) is not None:
            raise ModelError(f"{path}: {doubt}; no file is written for {who}")
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        except OSError as problem:
            raise BundleError(f"{path}: cannot be written ({problem.strerror or problem})") from None
        files.append(ExportedFile(format, path, len(content), found))
    return Exported(tuple(files), plain.changed, _hints(plain.wanted))


def onnx_bytes(model: nn.Module, example: Tensor, *, calibrate: Tensor | None = None) -> bytes:
    """The content of one of the files of `onnx_contents`: int8 where there are images to calibrate on."""
    return onnx_contents(model, example, calibrate=calibrate)["onnx" if calibrate is None else "int8"]


def onnx_contents(model: nn.Module, example: Tensor, *, calibrate: Tensor | None = None) -> dict[str, bytes]:
    """The content of ONNX files, by format: in float32 and, with images to calibrate on, in int8; not verified.

    Args:
        model: as for `export`.
        example: one image or more, (any, channels, height, width).
        calibrate: as for `export`.
    """
    require()
    channels, height, width = example.shape[1:]
    shape = (channels, height, width)
    made = _Contents(exportable(model, shape), shape, calibrate)
    return {"onnx": made.onnx} if calibrate is None else {"onnx": made.onnx, "int8": made.of("int8")[0]}


@dataclass(frozen=True)
class _Contents:
    """The files of a network, in memory; it is traced once for all of them."""

    plain: Exportable
    shape: tuple[int, int, int]
    calibrate: Tensor | None

    def of(self, format: Format) -> tuple[bytes, Callable[[Tensor], Tensor]]:
        """The content of a file, and what runs it."""
        if format == "pt2":
            return self._pt2()
        if format == "onnx":
            return self.onnx, OnnxNetwork(self.onnx)
        assert self.calibrate is not None  # refused before
        content = quantized(self.onnx, self.calibrate)
        return content, OnnxNetwork(content)

    @cached_property
    def traced(self) -> torch.export.ExportedProgram:
        """What torch.export makes of the network."""
        example = torch.rand(2, *self.shape, generator=torch.Generator().manual_seed(0))
        batch = torch.export.Dim("batch", min=1)
        try:
            with quietly():
                return torch.export.export(self.plain.network, (example,), dynamic_shapes=({0: batch},), strict=False)
        except Exception as error:  # whatever a person's forward or a tracer raises
            raise ModelError(f"torch.export cannot follow the network: {one_line(error, most=300)}") from error

    @cached_property
    def onnx(self) -> bytes:
        """A whole ONNX model in one file, without the paths of the code that it was traced from."""
        require()
        program = self.traced
        try:
            with quietly():
                made: Any = torch.onnx.export(
                    program,
                    dynamo=True,
                    input_names=["images"],
                    output_names=["logits"],
                    opset_version=_OPSET,
                    verbose=False,
                )
                _forget_sources_(made.model)
                content: bytes = made.model_proto.SerializeToString()
        except Exception as error:  # the exporter has many of its own
            raise ModelError(f"torch.onnx cannot export the network: {one_line(error, most=300)}") from error
        if len(content) > _LARGEST:
            raise ModelError(f"an ONNX file holds 2 GB at most, and the network takes {len(content) / 1e9:.1f} GB")
        return content

    def _pt2(self) -> tuple[bytes, Callable[[Tensor], Tensor]]:
        written, program = io.BytesIO(), copy.copy(self.traced)
        program.example_inputs = None  # these would be the only pickle in the file
        with quietly():
            torch.export.save(program, written)
            read = torch.export.load(io.BytesIO(written.getvalue())).module()
        return written.getvalue(), read


def _hints(model: nn.Module) -> tuple[str, ...]:
    """That zeros take as much place in these files as anything else."""
    try:
        zeros = sparsity(model).weights
    except PruningError:  # nothing that is ever pruned
        return ()
    if zeros < _MANY:
        return ()
    cut = "pruning.shrink, or blackthorn compress --smaller, cuts out what makes a file smaller"
    return (f"{100 * zeros:.1f} % of the weights are zero, and stored like all others: {cut}",)


def _checked(formats: tuple[str, ...], calibrate: Tensor | None) -> tuple[Format, ...]:
    """The formats, all of which can be written."""
    known: tuple[Format, ...] = get_args(Format)
    for format in formats:
        if format not in known:
            raise ModelError(f"there is no format '{format}'; {did_you_mean(format, known)}")
    if not formats:
        raise ModelError(f"no format is given; choose among {', '.join(known)}")
    if {"onnx", "int8"} & set(formats):
        require()
    if "int8" in formats and calibrate is None:
        raise ModelError("int8 wants training images to calibrate on: give calibrate=")
    return tuple(format for format in known if format in formats)


def _shape(
    model: nn.Module, said: tuple[int, int, int] | None, images: Pixels | None, calibrate: Tensor | None
) -> tuple[int, int, int]:
    """Channels, height and width of one image: as was said, as images have them, or as the architecture says."""
    given = next((tuple(some.shape[1:]) for some in (images, calibrate) if some is not None), None)
    found = said or given
    if found is None:
        try:
            told = architecture_of(model)
            side = told["image_size"]
            high, wide = side if isinstance(side, (list, tuple)) else (side, side)
            found = (told["in_channels"], high, wide)  # type: ignore[assignment]
        except (ModelError, KeyError):
            hint = "give example_shape=(channels, height, width), or images="
            raise ModelError(f"nothing says which images a {type(model).__name__} takes; {hint}") from None
    if found is None or len(found) != 3:
        raise ModelError(f"images of shape (n, channels, height, width) are wanted; each given one is {found}")
    return found


def _forget_sources_(model: Any) -> None:
    """Remove what the exporter notes on every node: lines and folders of the code that was traced."""
    for graph in (model.graph, *model.functions.values()):
        for node in graph:
            node.metadata_props.clear()
            for value in node.outputs:
                value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.metadata_props.clear()
