"""Networks as plain `nn.Module`s: pixels in, logits out, normalisation inside."""

from .answers import answers as answers
from .architecture import architecture_of as architecture_of
from .architecture import stamp as stamp
from .building import BUILDERS as BUILDERS
from .building import build as build
from .copying import copied as copied
from .device import device_of as device_of
from .foreign import check_logits as check_logits
from .foreign import return_logits_ as return_logits_
from .gaussian import Gaussian as Gaussian
from .lenet import lenet5_caffe as lenet5_caffe
from .mlp import mlp as mlp
from .modes import eval_mode as eval_mode
from .modes import frozen as frozen
from .normalize import Normalize as Normalize
from .parameters import HasParameterGroups as HasParameterGroups
from .parameters import ParameterGroup as ParameterGroup
from .parameters import parameter_groups as parameter_groups
from .parana_cnn import parana_cnn as parana_cnn
from .resnet import resnet18 as resnet18
from .vgg import vgg16 as vgg16
from .vgg import vgg16_anp as vgg16_anp
from .wang_cnn import wang_cnn as wang_cnn
from .wide_resnet import wide_resnet as wide_resnet
from .wide_resnet import wrn28_4 as wrn28_4

__all__ = [
    "BUILDERS",
    "Gaussian",
    "HasParameterGroups",
    "Normalize",
    "ParameterGroup",
    "answers",
    "architecture_of",
    "build",
    "check_logits",
    "copied",
    "device_of",
    "eval_mode",
    "frozen",
    "lenet5_caffe",
    "mlp",
    "parameter_groups",
    "parana_cnn",
    "resnet18",
    "return_logits_",
    "stamp",
    "vgg16",
    "vgg16_anp",
    "wang_cnn",
    "wide_resnet",
    "wrn28_4",
]
