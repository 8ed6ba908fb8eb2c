"""The fully connected network of the PARANA pruning article: 784-1500-1000-800-10.

Reference: J. Gannon 2018, Pruning neural networks and adversarial noise
(jngannon.github.io/article_pruning.html); initial weights from its package.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from .builder import builder
from .init import parana_
from .normalize import normalized


@builder()
def mlp(
    num_classes: int = 10,
    *,
    in_channels: int = 1,
    image_size: int = 28,
    hidden: Sequence[int] = (1500, 1000, 800),
    dropout: float | str = 0.0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> nn.Sequential:
    """Linear layers with ReLU between; images of any size. 3,484,000 weights by default.

    The article's notebooks use `hidden=(1500, 800, 400)` instead of the widths of its text. `dropout` is the
    probability that a hidden activation is dropped in training; "as_described" is the article's 0.7, "as_run" its
    code's 0.

    Raises:
        ModelError: an option that cannot be.
    Reference:
        Gannon 2018, "4 layer" network.
    """
    widths = [in_channels * image_size**2, *hidden]
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for i, (into, out) in enumerate(zip(widths, hidden), start=1):
        layers[f"fc{i}"] = nn.Linear(into, out)
        layers[f"relu{i}"] = nn.ReLU()
        if dropout:
            layers[f"dropout{i}"] = nn.Dropout(float(dropout))
    layers["out"] = nn.Linear(widths[-1], num_classes)
    model = normalized(mean, std, layers)
    parana_(model, last=layers["out"])
    return model
