"""From a name, or from `package.module:factory`, to a network that is known to fit the images.

A built-in is called by its name, a person's own network by where it is found:

    build("wang_cnn", num_classes=10, shape=(1, 28, 28))
    build({"kind": "mlp", "hidden": [300, 100]}, num_classes=10, shape=(1, 28, 28))
    build("my_package.nets:small", num_classes=10, shape=(3, 32, 32))
"""

import inspect
from collections.abc import Callable, Mapping

from torch import nn

from ..errors import ModelError, did_you_mean
from .foreign import build_foreign, check_option_names
from .gaussian import gaussian_over
from .lenet import lenet5_caffe
from .mlp import mlp
from .parana_cnn import parana_cnn
from .resnet import resnet18
from .vgg import vgg16, vgg16_anp
from .wang_cnn import wang_cnn
from .wide_resnet import wide_resnet, wrn28_4

BUILDERS: dict[str, Callable[..., nn.Module]] = {
    builder.__name__: builder
    for builder in (lenet5_caffe, mlp, parana_cnn, resnet18, vgg16, vgg16_anp, wang_cnn, wide_resnet, wrn28_4)
}
BUILDERS["gaussian"] = gaussian_over(dict(BUILDERS))
"""The built-in networks, by the name that a recipe calls them."""

_SIZES = ("num_classes", "in_channels", "image_size")


def build(
    spec: str | Mapping[str, object],
    *,
    num_classes: int | None = None,
    shape: tuple[int, int, int] | None = None,
) -> nn.Module:
    """Make the network that `spec` names, with first weights drawn under torch's global seed.

    A factory of one's own is called with whichever of `num_classes`, `in_channels` and `image_size` it
    accepts (one that takes `**kwargs` gets `num_classes`), and with the options of the spec. It is imported
    with the current directory first on the path, and its logits are checked on two black images.

    Args:
        spec: a built-in name, `package.module:factory`, or a dict of such a `kind` and options for it;
            the `architecture` of a network is such a dict.
        num_classes: how many logits; may be left out if the spec says it.
        shape: channels, height, width of one image; may be left out if the spec says in_channels and
        image_size.
    Returns:
        The network in training mode, its `architecture` stamped on it.
    Raises:
        ModelError: no such network or option, images it cannot take, or a factory that does not give logits.
    """
    kind, options = _read(spec)
    said = {name: options.pop(name) for name in _SIZES if name in options}
    classes, shape = _sizes(kind, said, num_classes, shape)
    if ":" in kind:
        return build_foreign(kind, options, num_classes=classes, shape=shape)
    if kind not in BUILDERS:
        hint = did_you_mean(kind, BUILDERS)
        raise ModelError(f"there is no model '{kind}'; {hint} For your own write package.module:factory")
    builder = BUILDERS[kind]
    check_option_names(kind, list(inspect.signature(builder).parameters), options)
    channels, height, width = shape
    if height != width:
        side = max(height, width)
        raise ModelError(f"{kind} wants square images, got {height}x{width}; write resize: {side} in the data")
    return builder(classes, in_channels=channels, image_size=height, **options)


def _read(spec: str | Mapping[str, object]) -> tuple[str, dict[str, object]]:
    kind = spec if isinstance(spec, str) else spec.get("kind") if isinstance(spec, Mapping) else None
    if not isinstance(kind, str):
        example = "{'kind': 'mlp', 'hidden': [64]}"
        raise ModelError(f"a model is a name or a dict with a 'kind', such as {example}; got {spec!r}")
    options = {} if isinstance(spec, str) else {str(name): option for name, option in spec.items()}
    options.pop("kind", None)
    return kind.strip(), options


def _sizes(
    kind: str, said: Mapping[str, object], num_classes: int | None, shape: tuple[int, int, int] | None
) -> tuple[int, tuple[int, int, int]]:
    """Classes and image shape, from the caller or from the spec; refused where the two differ."""
    side = said.get("image_size")
    height, width = side if isinstance(side, (list, tuple)) and len(side) == 2 else (side, side)
    channels, high, wide = shape if shape is not None else (None, None, None)
    classes = _one(kind, "num_classes", said.get("num_classes"), num_classes)
    return classes, (
        _one(kind, "in_channels", said.get("in_channels"), channels),
        _one(kind, "image_size", height, high),
        _one(kind, "image_size", width, wide),
    )


def _one(kind: str, name: str, said: object, given: int | None) -> int:
    read = given if said is None else said
    if read is None:
        raise ModelError(f"{kind}: {name} is not known; give num_classes= and shape=(channels, height, width)")
    if not isinstance(read, int) or isinstance(read, bool) or read < 1:
        raise ModelError(f"{kind}: {name} must be a whole number of at least 1; got {read!r}")
    if given is not None and read != given:
        raise ModelError(f"{kind}: {name} is {read} in the model but {given} in the data; leave it out")
    return read
