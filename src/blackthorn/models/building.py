"""From a name, or from `package.module:factory`, to a network that is known to fit the images.

A built-in is called by its name, a person's own network by where it is found:

    build("wang_cnn", num_classes=10, shape=(1, 28, 28))
    build({"kind": "mlp", "hidden": [300, 100]}, num_classes=10, shape=(1, 28, 28))
    build("my_package.nets:small", num_classes=10, shape=(3, 32, 32))
"""

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from ..errors import ModelError, did_you_mean
from .architecture import stamp
from .lenet import lenet5_caffe
from .mlp import mlp
from .modes import eval_mode
from .parana_cnn import parana_cnn
from .resnet import resnet18
from .vgg import vgg16, vgg16_anp
from .wang_cnn import wang_cnn
from .wide_resnet import wrn28_4

Builder = Callable[..., nn.Module]
Shape = tuple[int, int, int]

BUILDERS: dict[str, Builder] = {
    builder.__name__: builder
    for builder in (lenet5_caffe, mlp, parana_cnn, resnet18, vgg16, vgg16_anp, wang_cnn, wrn28_4)
}
"""The built-in networks, by the name that a recipe calls them."""


def build(
    spec: str | Mapping[str, object], *, num_classes: int | None = None, shape: Shape | None = None
) -> nn.Module:
    """Make the network that `spec` names, with first weights drawn under torch's global seed.

    A factory of one's own is called with whichever of `num_classes`, `in_channels` and `image_size` it accepts (with
    `**kwargs`, `num_classes` alone), plus the options of the spec. It is imported with the current directory on the path.

    Args:
        spec: a built-in name, `package.module:factory`, or a dict of such a `kind` and its options; the `architecture` of a
            network is such a dict.
        num_classes: how many logits; may be left out if the spec says it.
        shape: channels, height, width of one image; may be left out if the spec says `in_channels` and `image_size`.
    Returns:
        The network in training mode, on the CPU unless the factory says otherwise, its `architecture` stamped on it.
    Raises:
        ModelError: no such network or option, images it cannot take, or a factory that does not give logits.
    """
    kind, options = _read(spec)
    classes, shape = _sizes(kind, options, num_classes, shape)
    if ":" in kind:
        return _foreign(kind, options, classes, shape)
    if kind not in BUILDERS:
        raise ModelError(
            f"there is no built-in model '{kind}'; {did_you_mean(kind, BUILDERS)} For your own write package.module:factory"
        )
    builder = BUILDERS[kind]
    _check_options(kind, builder, options)
    channels, height, width = shape
    if height != width:
        raise ModelError(
            f"{kind} wants square images, got {height}x{width}; write resize: {max(height, width)} in the data"
        )
    return builder(classes, in_channels=channels, image_size=height, **options)


def _read(spec: str | Mapping[str, object]) -> tuple[str, dict[str, object]]:
    if isinstance(spec, str):
        return spec.strip(), {}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("kind"), str):
        raise ModelError(
            f"a model is a name or a dict with a 'kind', such as {{'kind': 'mlp', 'hidden': [64]}}; got {spec!r}"
        )
    return str(spec["kind"]).strip(), {str(name): option for name, option in spec.items() if name != "kind"}


def _sizes(
    kind: str, options: dict[str, object], num_classes: int | None, shape: Shape | None
) -> tuple[int, Shape]:
    """Classes and image shape, from the caller or from the options (which lose them); refused where the two differ."""
    said = {
        name: options.pop(name) for name in ("num_classes", "in_channels", "image_size") if name in options
    }
    known = {"num_classes": num_classes}
    if shape is not None:
        known |= {"in_channels": shape[0], "image_size": _side(shape)}  # type: ignore[dict-item]  # int or [int, int]
    for name, read in said.items():
        if known.get(name) is None:
            known[name] = read  # type: ignore[assignment]  # judged below
        elif known[name] != read:
            raise ModelError(f"{kind}: {name} is {read!r} here but {known[name]!r} in the data; leave it out")
    for name in ("num_classes", "in_channels", "image_size"):
        if known.get(name) is None:
            raise ModelError(
                f"{kind}: {name} is not known; give num_classes= and shape=(channels, height, width)"
            )
    side = known["image_size"]
    height, width = side if isinstance(side, (list, tuple)) and len(side) == 2 else (side, side)
    classes, channels = known["num_classes"], known["in_channels"]
    for name, read in (
        ("num_classes", classes),
        ("in_channels", channels),
        ("image_size", height),
        ("image_size", width),
    ):
        if not isinstance(read, int) or isinstance(read, bool) or read < 1:
            raise ModelError(f"{kind}: {name} must be a whole number of at least 1; got {read!r}")
    assert isinstance(classes, int) and isinstance(channels, int)
    return classes, (channels, height, width)


def _side(shape: Shape) -> int | list[int]:
    return shape[1] if shape[1] == shape[2] else [shape[1], shape[2]]


def _check_options(kind: str, builder: Builder, options: Mapping[str, object]) -> None:
    """Refuse an option that the builder does not have, and a builder whose own required options are not given."""
    parameters = inspect.signature(builder).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    named = [name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_POSITIONAL]
    for name in options:
        if name not in named:
            raise ModelError(
                f"{kind} has no option '{name}'; {did_you_mean(name, named) if named else 'it has none'}"
            )


def _foreign(kind: str, options: dict[str, object], num_classes: int, shape: Shape) -> nn.Module:
    """Import, call and check a person's own factory."""
    with _here_on_path():
        factory = _find(kind)
        sizes: dict[str, object] = {
            "num_classes": num_classes,
            "in_channels": shape[0],
            "image_size": _side(shape),
        }
        try:
            parameters = inspect.signature(factory).parameters
        except (TypeError, ValueError):
            raise ModelError(
                f"{kind} cannot be called with options; write a plain function around it"
            ) from None
        _check_options(kind, factory, options)
        spread = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        given = {
            name: size
            for name, size in sizes.items()
            if name in parameters or (spread and name == "num_classes")
        }
        try:
            model = factory(**given, **options)
        except Exception as error:
            raise ModelError(
                f"{kind} raised {_one_line(error)}; called with {_spelled({**given, **options})}"
            ) from error
        if not isinstance(model, nn.Module):
            raise ModelError(f"{kind} returned {type(model).__name__}; it must return a torch.nn.Module")
        check_logits(model, num_classes=num_classes, shape=shape, name=kind)
    return stamp(model, kind, **sizes, **options)


def check_logits(model: nn.Module, *, num_classes: int, shape: Shape, name: str = "") -> None:
    """Run two black images through a network, in eval mode, and refuse what is not `(2, num_classes)` finite logits.

    Raises:
        ModelError: saying what came out instead.
    """
    name = name or type(model).__name__
    device = next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), torch.device("cpu"))
    try:
        with eval_mode(model), torch.no_grad():
            logits = model(torch.zeros(2, *shape, device=device))
    except Exception as error:
        raise ModelError(f"{name} cannot take images of shape {shape}: {_one_line(error)}") from error
    if not isinstance(logits, torch.Tensor):
        raise ModelError(
            f"{name} gives {type(logits).__name__} for images; its forward must return one tensor of logits"
        )
    if tuple(logits.shape) != (2, num_classes):
        raise ModelError(
            f"{name} gives outputs of shape {tuple(logits.shape)} for 2 images; "
            f"its forward must return logits of shape (2, {num_classes})"
        )
    if not bool(torch.isfinite(logits).all()):
        raise ModelError(
            f"{name} gives logits that are not finite for a black image; check its initial weights"
        )


def _find(kind: str) -> Builder:
    where, _, name = kind.partition(":")
    if not where or not name:
        raise ModelError(f"'{kind}' names no factory; write package.module:factory")
    try:
        module = importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name and (where == error.name or where.startswith(error.name + ".")):
            raise ModelError(
                f"{kind}: there is no module '{error.name}' here or among the installed packages; "
                "write package.module:factory, and run where the package lies"
            ) from None
        raise ModelError(
            f"{kind}: module '{where}' imports '{error.name}', which is not installed"
        ) from error
    except Exception as error:
        raise ModelError(f"{kind}: importing '{where}' raised {_one_line(error)}") from error
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [
                public
                for public in vars(found)
                if not public.startswith("_") and callable(getattr(found, public))
            ]
            raise ModelError(
                f"module '{where}' has no '{name}'; {did_you_mean(name, known) if known else 'it has no functions'}"
            )
        found = getattr(found, part)
    if not callable(found):
        raise ModelError(
            f"{kind} is a {type(found).__name__}, not a function; write a function that returns the network"
        )
    return found


@contextmanager
def _here_on_path() -> Iterator[None]:
    """The current directory first on the import path, as `python -m` has it."""
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def _spelled(options: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={option!r}" for name, option in options.items()) or "nothing"
