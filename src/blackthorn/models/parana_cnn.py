"""The 7-layer network of the PARANA pruning article: four convolutions without pooling, three linear layers.

Reference: J. Gannon 2018, Pruning neural networks and adversarial noise
(jngannon.github.io/article_pruning.html); sizes and initial weights from its package, whose convolutions pad
with zeros to keep the image size.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import ModelError
from .builder import builder
from .init import parana_
from .normalize import normalized

_KERNELS = (7, 5, 3, 3)


@builder()
def parana_cnn(
    num_classes: int = 10,
    *,
    in_channels: int = 1,
    image_size: int = 28,
    channels: Sequence[int] = (12, 15, 25, 20),
    hidden: Sequence[int] = (1500, 500),
    dropout: float | str = 0.0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> nn.Sequential:
    """Convolutions 7, 5, 3, 3 that keep the image size, then linear layers; images of any size and channels.

    `channels` are the filters of the four convolutions, `hidden` the widths of the hidden linear layers. `dropout` is
    the probability that an activation of a hidden linear layer is dropped in training, as was the custom: the article
    does not say which layers it means. "as_described" is its 0.7, "as_run" its code's 0.

    Raises:
        ModelError: an option that cannot be.
    Reference:
        Gannon 2018, "7 layer" network: 15,680 features after the last convolution, 24,287,963 weights.
    """
    if len(channels) != len(_KERNELS):
        raise ModelError(f"parana_cnn: channels must be 4 numbers, one per convolution; got {channels!r}")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i, (into, out, kernel) in enumerate(zip([in_channels, *channels], channels, _KERNELS), start=1):
        layers[f"conv{i}"] = nn.Conv2d(into, out, kernel, padding=kernel // 2)
        layers[f"relu{i}"] = nn.ReLU()
    layers["flatten"] = nn.Flatten()
    widths = [channels[-1] * image_size**2, *hidden]
    for i, (into, out) in enumerate(zip(widths, hidden), start=1):
        layers[f"fc{i}"] = nn.Linear(into, out)
        layers[f"fc_relu{i}"] = nn.ReLU()
        if dropout:
            layers[f"fc_dropout{i}"] = nn.Dropout(float(dropout))
    layers["out"] = nn.Linear(widths[-1], num_classes)
    model = normalized(mean, std, layers)
    parana_(model, last=layers["out"])
    return model
