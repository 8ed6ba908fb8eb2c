"""LeNet-5-Caffe: the LeNet of the pruning literature (20-50-500), not the one of 1998.

Reference: Madaan, Shin, Hwang 2020, Adversarial Neural Pruning with Latent Vulnerability Suppression, who put
a ReLU after each convolution; layers and initial weights from Caffe's
examples/mnist/lenet_train_test.prototxt.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import ModelError
from .builder import builder
from .init import xavier_caffe_
from .normalize import normalized


@builder(at_least=16)
def lenet5_caffe(
    num_classes: int = 10,
    *,
    in_channels: int = 1,
    image_size: int = 28,
    channels: Sequence[int] = (20, 50),
    hidden: Sequence[int] = (500,),
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> nn.Sequential:
    """Convolutions 20@5x5 and 50@5x5, each pooled by 2, then linear 800-500-10: 431,080 parameters.

    `channels` are the filters of the two convolutions and `hidden` the units of the hidden layer: fewer make the small
    dense network that a pruned one is compared with.

    Raises:
        ModelError: images below 16x16, or an option that cannot be.
    Reference:
        Madaan et al. 2020, LeNet-5-Caffe.
    """
    if len(channels) != 2 or len(hidden) != 1:
        raise ModelError(
            "lenet5_caffe: channels must be 2 numbers, one per convolution, and hidden 1; "
            f"got {channels!r} and {hidden!r}"
        )
    (first, second), (units,) = channels, hidden
    side = ((image_size - 4) // 2 - 4) // 2
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(in_channels, first, 5),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(first, second, 5),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(second * side**2, units),
        relu3=nn.ReLU(),
        out=nn.Linear(units, num_classes),
    )
    model = normalized(mean, std, layers)
    xavier_caffe_(model)
    return model
