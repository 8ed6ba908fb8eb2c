"""int8 by ONNX Runtime's static quantisation: weights and activations in 8 bits, ranges from calibration images."""

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data import pixels
from ..errors import ModelError
from ..files import one_line
from ..models.onnx_network import require

_AT_ONCE = 32  # images that calibration runs


def quantized(network: bytes, images: Tensor) -> bytes:
    """An ONNX network whose convolutions and linear layers multiply integers of 8 bits, as ONNX too.

    Weights are int8 with a scale for each filter; activations are uint8 with a scale for each tensor, from the smallest
    to the largest value that the images give. Weights use 7 of their 8 bits: processors without VNNI add two
    products in 16 bits, which 8 bits would overflow, and the file is to compute the same everywhere.

    Args:
        network: an ONNX file in float32.
        images: to calibrate on, uint8 or float32 in [0, 1], (images, channels, height, width): of the training set.
    Raises:
        ModelError: ONNX Runtime refuses, or there are no images.
    Reference:
        Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only
        inference", sec. 2; ONNX Runtime's guide for `reduce_range`.
    """
    require()
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not len(images):
        raise ModelError("int8 wants images to calibrate on, of the training set; none were given")

    class Batches(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is not typed
        def __init__(self, name: str) -> None:
            self._name, self._left = name, iter(torch.split(images, _AT_ONCE))

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self._left, None)
            return None if batch is None else {self._name: pixels(batch).cpu().contiguous().numpy()}

    with tempfile.TemporaryDirectory() as folder, quietly():
        given, ready, done = (Path(folder, name) for name in ("given.onnx", "ready.onnx", "int8.onnx"))
        try:
            given.write_bytes(network)
            name = onnx.load_from_string(network).graph.input[0].name
            quant_pre_process(str(given), str(ready), skip_symbolic_shape=True)
            quantize_static(
                str(ready),
                str(done),
                Batches(name),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=True,
            )
            return done.read_bytes()
        except Exception as error:  # onnx, onnxruntime and protobuf each raise their own
            raise ModelError(f"ONNX Runtime cannot quantise the network: {one_line(error)}") from error


@contextmanager
def quietly() -> Iterator[None]:
    """Within: exporters say nothing of packages that are not there and of their own future; errors are raised still."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export", "torch._dynamo", "root")
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, before):
                logger.setLevel(level)
