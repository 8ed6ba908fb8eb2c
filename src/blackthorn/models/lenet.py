"""LeNet-5-Caffe: the LeNet of the pruning literature (20-50-500), not the one of 1998.

Reference: Madaan, Shin, Hwang 2020, Adversarial Neural Pruning with Latent Vulnerability Suppression, who put
a ReLU after each convolution; layers and initial weights from Caffe's
examples/mnist/lenet_train_test.prototxt.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from .builder import builder
from .init import xavier_caffe_
from .normalize import normalized


@builder(at_least=16)
def lenet5_caffe(
    num_classes: int = 10,
    *,
    in_channels: int = 1,
    image_size: int = 28,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> nn.Sequential:
    """Convolutions 20@5x5 and 50@5x5, each pooled by 2, then linear 800-500-10: 431,080 parameters.

    Raises:
        ModelError: images below 16x16, or an option that cannot be.
    Reference:
        Madaan et al. 2020, LeNet-5-Caffe.
    """
    side = ((image_size - 4) // 2 - 4) // 2
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(in_channels, 20, 5),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(20, 50, 5),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(50 * side**2, 500),
        relu3=nn.ReLU(),
        out=nn.Linear(500, num_classes),
    )
    model = normalized(mean, std, layers)
    xavier_caffe_(model)
    return model
