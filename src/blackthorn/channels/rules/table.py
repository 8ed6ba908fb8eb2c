"""Which rule belongs to which torch function, looked up by the function's bare name.

A rule notes the channels of the result in the graph and returns True. Where a rule returns False, or where there is
no rule, the tracer pins the channels. That is always safe: they are then neither pruned nor removed.
"""

from . import attention, elementwise, layers, norms, parts, shapes
from .call import Rule
from .reshape import reshape
from .upscaling import pixel_shuffle, pixel_unshuffle

_ACTIVATIONS = (
    "relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softplus "
    "softsign logsigmoid threshold"
)
ACTIVATIONS = frozenset([*_ACTIVATIONS.split(), "prelu", "rrelu"])
"""The functions that people call activations. One of them has no rule: it draws."""

_DIMENSIONS = ("1d", "2d", "3d")
LAYERS = frozenset(["linear", *(f"conv{d}" for d in _DIMENSIONS), *(f"conv_transpose{d}" for d in _DIMENSIONS)])
"""The functions with a weight that people call layers."""

_FAMILIES: dict[str, Rule] = {
    "conv1d conv2d conv3d": layers.convolution,
    "conv_transpose1d conv_transpose2d conv_transpose3d": layers.transposed,
    "linear": layers.linear,
    "batch_norm": norms.batch_norm,
    "instance_norm": norms.instance_norm,
    "prelu": elementwise.prelu,
    _ACTIVATIONS: elementwise.elementwise,
    "abs neg exp sqrt square pow clamp clamp_min clamp_max positive "
    "contiguous clone detach to float double half bfloat16 cpu cuda": elementwise.elementwise,
    "dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout feature_alpha_dropout": elementwise.dropout,
    "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d interpolate": elementwise.pool,
    "mean sum amax amin": elementwise.reduce,
    "layer_norm partial_layer_norm": norms.layer_norm,
    "softmax log_softmax": elementwise.softmax,
    "normalize": elementwise.normalize,
    "masked_fill": elementwise.masked_fill,
    "pad": elementwise.pad,
    "add sub rsub mul div rdiv maximum minimum": elementwise.binary,
    "cat": shapes.cat,
    "stack": shapes.stack,
    "flatten view reshape squeeze unsqueeze unflatten ravel": reshape,
    "permute transpose movedim moveaxis t": shapes.permute,
    "__get__": shapes.property_of,
    "expand expand_as": shapes.expand,
    "roll flip": shapes.roll,
    "getitem": parts.getitem,
    "chunk": parts.chunk,
    "split": parts.split,
    "unbind": parts.unbind,
    "narrow select": parts.narrow,
    "scaled_dot_product_attention": attention.attention,
    "matmul bmm": attention.matmul,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
}
RULES: dict[str, Rule] = {name: rule for names, rule in _FAMILIES.items() for name in names.split()}
"""Bare function name -> what it does to channels."""
