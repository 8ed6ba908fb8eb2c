"""VGG-16 for 32x32 images, with batch normalisation, in the two forms that the robust pruning papers use.

Reference: Simonyan, Zisserman 2015, configuration D. `vgg16` is the CIFAR form of the MadryLab robustness
library, taken for Lim et al. 2021 (RFP), who name no other; `vgg16_anp` that of Madaan et al. 2020 (ANP-VS)
and its code.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from .architecture import check_counts
from .builder import builder
from .init import he_normal_
from .normalize import normalized

_TIMES = (1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)  # channels of each convolution, as multiples of the width
_POOLED = (2, 4, 7, 10, 13)  # the convolutions that are followed by pooling
_TF_MOMENTUM, _TF_EPS = 0.01, 1e-3  # TensorFlow's momentum 0.99 and its epsilon


@builder(at_least=32)
def vgg16(
    num_classes: int = 10,
    *,
    width: int = 64,
    in_channels: int = 3,
    image_size: int = 32,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> nn.Sequential:
    """Thirteen 3x3 convolutions with batch normalisation, pooled five times, then one linear layer.

    14,728,266 parameters, 4,224 filters. Larger images are averaged over what is left of space. With another `width`,
    the channels of the first convolution, all widths change in proportion.

    Raises:
        ModelError: images below 32x32, or an option that cannot be.
    Reference:
        Simonyan & Zisserman 2015, configuration D; linear head of the MadryLab CIFAR VGG-16.
    """
    check_counts("vgg16", width=width)
    layers = _convolutions(in_channels, width)
    layers.update(average=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), out=nn.Linear(8 * width, num_classes))
    model = normalized(mean, std, layers)
    he_normal_(model, fan="fan_out")
    return model


@builder(at_least=32)
def vgg16_anp(
    num_classes: int = 10,
    *,
    width: int = 64,
    drops: bool = True,
    momentum: float = _TF_MOMENTUM,
    in_channels: int = 3,
    image_size: int = 32,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> nn.Sequential:
    """The VGG-16 of ANP-VS: `vgg16` with dropout after unpooled convolutions and a hidden layer of 512.

    With another `width`, the channels of the first convolution, all widths change in proportion. Networks that are
    narrow, or trained for a few epochs, learn nothing under so much dropout, and their batch norms do not get to know
    the images with so small a `momentum`: `drops=False, momentum=0.1` is for them.

    Raises:
        ModelError: images below 32x32, or an option that cannot be.
    Reference:
        Madaan et al. 2020, base network of the public code.
    """
    check_counts("vgg16_anp", width=width)
    hidden = 8 * width
    layers = _convolutions(in_channels, width, momentum=momentum, eps=_TF_EPS, drops=drops)
    layers.update(
        average=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        drop14=nn.Dropout(0.5),
        fc1=nn.Linear(hidden, hidden),
        norm14=nn.BatchNorm1d(hidden, momentum=momentum, eps=_TF_EPS),
        relu14=nn.ReLU(),
        drop15=nn.Dropout(0.5),
        out=nn.Linear(hidden, num_classes),
    )
    if not drops:
        del layers["drop14"], layers["drop15"]
    model = normalized(mean, std, layers)
    he_normal_(model, fan="fan_out")
    return model


def _convolutions(
    in_channels: int, width: int, *, momentum: float = 0.1, eps: float = 1e-5, drops: bool = False
) -> "OrderedDict[str, nn.Module]":
    """The convolutions of configuration D, with dropout after those that are not followed by pooling."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    widths = [width * times for times in _TIMES]
    for i, (into, out) in enumerate(zip((in_channels, *widths), widths), start=1):
        layers[f"conv{i}"] = nn.Conv2d(into, out, 3, padding=1)
        layers[f"norm{i}"] = nn.BatchNorm2d(out, momentum=momentum, eps=eps)
        layers[f"relu{i}"] = nn.ReLU()
        if i in _POOLED:
            layers[f"pool{i}"] = nn.MaxPool2d(2)
        elif drops:
            layers[f"drop{i}"] = nn.Dropout(0.3 if i == 1 else 0.4)
    return layers
