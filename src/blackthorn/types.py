"""Units and shapes, stated once.

Images     float32 (batch, channels, height, width), pixels in [0, 1]; stored images are uint8 in [0, 255]
Labels     int64 (batch,), 0 <= label < classes
Logits     float32 (batch, classes)
Radii      in pixels of [0, 1]: eps = 8/255, never 8
Rates      sparsity and accuracy are fractions in [0, 1]; percent appears only in reports
Time       seconds; latency in reports in milliseconds
Sizes      bytes
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from torch import Tensor, nn

Progress = Callable[[str, int, int], None]
"""`progress(text, done, total)`: called as work advances; must be cheap and must not raise."""


class Logger(Protocol):
    """Hears the numbers of a run; the module `mlflow` is one, and so is every logger of lightning."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Numbers by name, and at which step (of a training: the epoch, from 1) they were found."""
        ...


class Attack(Protocol):
    """`attack(model, x, y)` returns adversarial images of the shape of `x`, in the ball and in [0, 1]."""

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor: ...
