"""What each torch operation does to channels: one small rule per family, looked up by the function's name.

A rule notes the channels of the result on the tracer and returns True. Where it returns False, or where
there is no rule, the tracer pins the channels, which is always safe: they are then neither pruned nor
removed.
"""

from . import flow_layers as layers
from . import flow_shapes as shapes
from . import flow_tensors as tensors
from .flow_calls import Rule

_FAMILIES: dict[str, Rule] = {
    "conv1d conv2d conv3d": layers.convolution,
    "linear": layers.linear,
    "batch_norm": layers.batch_norm,
    "instance_norm": layers.instance_norm,
    "relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softplus "
    "softsign logsigmoid threshold abs neg exp sqrt square pow clamp clamp_min clamp_max positive "
    "contiguous clone detach to float double half bfloat16 cpu cuda": tensors.elementwise,
    "dropout dropout1d dropout2d dropout3d feature_dropout": tensors.dropout,
    "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d interpolate": tensors.pool,
    "mean sum amax amin": tensors.reduce,
    "pad": tensors.pad,
    "add sub rsub mul div rdiv maximum minimum": tensors.binary,
    "cat": tensors.cat,
    "flatten view reshape squeeze unsqueeze unflatten": shapes.reshape,
    "permute": shapes.permute,
    "transpose": shapes.transpose,
    "getitem": shapes.getitem,
}
RULES: dict[str, Rule] = {name: rule for names, rule in _FAMILIES.items() for name in names.split()}
"""Bare function name -> what it does to channels."""
