"""The MNIST network of Wang et al.: three strided convolutions and one linear layer.

Reference: Wang, Ding, Huang, Cao, Lui 2018, Adversarial Robustness of Pruned Neural Networks, sec. 3; the
same network as CleverHans' basic CNN, whose initial weights are used.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import ModelError
from .builder import builder
from .init import he_normal_
from .normalize import normalized


@builder(at_least=28)
def wang_cnn(
    num_classes: int = 10,
    *,
    in_channels: int = 1,
    image_size: int = 28,
    channels: Sequence[int] = (32, 64, 64),
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> nn.Sequential:
    """Convolutions 32@8x8 stride 2, 64@6x6 stride 2, 64@5x5, then linear: 178,986 parameters, 160 filters.

    `channels` are the filters of the three convolutions: fewer make the small dense network that a pruned one is
    compared with.

    Raises:
        ModelError: images below 28x28, or an option that cannot be.
    Reference:
        Wang et al. 2018, sec. 3.
    """
    if len(channels) != 3:
        raise ModelError(f"wang_cnn: channels must be 3 numbers, one per convolution; got {channels!r}")
    first, second, third = channels
    side = (image_size - 2) // 2 + 1  # kernel 8, stride 2, padding 3
    side = (side - 6) // 2 + 1
    side = side - 4
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(in_channels, first, 8, stride=2, padding=3),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(first, second, 6, stride=2),
        relu2=nn.ReLU(),
        conv3=nn.Conv2d(second, third, 5),
        relu3=nn.ReLU(),
        flatten=nn.Flatten(),
        out=nn.Linear(third * side**2, num_classes),
    )
    model = normalized(mean, std, layers)
    he_normal_(model)
    return model
