"""The label that a network, or any other function of images, gives to each image."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data import Pixels
from ..errors import ModelError
from .modes import eval_mode
from .outputs import asked, logits_in

Array = np.ndarray[Any, Any]
Predict = Callable[[Any], Any]
"""From images, float32 (n, C, H, W), to labels, integers (n,), or to scores, (n, classes): torch or numpy. A network is
one too.
"""


def answers(predict: Predict, x: Tensor, *, batch_size: int = 500) -> Tensor:
    """The label that is given to each image, int64 (images,), on the device of `x`.

    A network is asked in eval mode, without gradients and in float32; ties of scores go to the lower class.

    Args:
        predict: asked `batch_size` images at a time.
        x: images, float32 (images, ...).
        batch_size: images in a question.

    Raises:
        ModelError: something else than a label or scores for each image, or scores that are not finite.
    """
    with eval_mode(predict) if isinstance(predict, nn.Module) else nullcontext():
        return torch.cat([_labels(predict, x[at : at + batch_size]) for at in range(0, len(x), batch_size)])


def with_tensors(predict: Predict, x: Pixels | Array) -> tuple[Predict, Pixels]:
    """Images as a tensor, or on disk as they are, and `predict` as a function of tensors.

    Where `x` is an array, `predict` is handed arrays.
    """
    if not isinstance(x, np.ndarray):
        return predict, x
    images = torch.from_numpy(x if x.dtype == np.uint8 else x.astype(np.float32, copy=False))
    if isinstance(predict, nn.Module):
        return predict, images
    return (lambda batch: predict(batch.cpu().numpy())), images


def _labels(predict: Predict, x: Tensor) -> Tensor:
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        if isinstance(predict, nn.Module):
            output = asked(predict, x)
            labels = isinstance(output, Tensor) and not output.is_floating_point()
            said = output if labels else logits_in(output, predict, x)
        else:
            said = torch.as_tensor(predict(x.clone()))  # a copy, since what it is asked about is measured
    whole = not said.is_floating_point() and not said.is_complex() and said.dtype != torch.bool
    if said.shape == x.shape[:1] and whole:
        return said.to(x.device, torch.int64, copy=True)
    name = getattr(predict, "__name__", type(predict).__name__)
    if said.ndim != 2 or len(said) != len(x) or not said.is_floating_point():
        read = f"{said.dtype} {tuple(said.shape)}"
        raise ModelError(
            f"{name} answers {len(x)} images with {read}; labels are integers ({len(x)},), scores floats "
            f"({len(x)}, classes)"
        )
    if not bool(torch.isfinite(said).all()):
        bad = int((~torch.isfinite(said)).any(1).sum())
        raise ModelError(
            f"{name} gives logits that are not finite for {bad} of {len(x)} images; its weights have diverged: train "
            "with a smaller learning rate"
        )
    return said.argmax(1).to(x.device)
