"""A network as one file that someone else can load: weights, masks and architecture; no pickle, no code.

`load` builds the network from its architecture, in full size, then gives every parameter and buffer its
stored shape: a shrunk network differs from its architecture in nothing else. Layers of another kind, as
`decouple` and `sparsify` make them, and gates are named in the header and put in their places first. The logits on
example images are kept too: what is loaded must give them, and is refused if it does not.

How tensors are named and packed is in `contents.py`; the file itself in `container.py`.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from ..channels import replace_, resize_
from ..errors import BlackthornError, BundleError, ModelError, PruningError
from ..files import one_line
from ..models import BUILDERS, architecture_of, build, check_logits, copied, device_of, eval_mode
from ..models.outputs import logits_from
from ..pruning import Masks
from .container import Header, read, write
from .contents import example_in, laid_out, state_in
from .hub import SCHEME, fetched
from .proof import check_loaded, check_saved, drawing_apart, example_images
from .replaced import replace_layers_, replaced

PLAIN = "plain"
"""The kind of a network that no function is known to build: a module of somebody's own, as it was given to `save`."""
_CHANCE = 2**31 - 1  # first weights of a network that is loaded are drawn from a seed that hardly anyone takes
_WIDEST, _DEEPEST = 1_000_000, 2000  # channels or classes; layers
_PIXELS, _WEIGHTS = 2**28, 2**30  # numbers of one image; weights of a fully connected network, 4 GB


@dataclass(frozen=True)
class Bundle:
    """A network that was loaded, in eval mode and on the CPU, and what was stored with it."""

    model: nn.Module
    masks: Masks | None
    about: dict[str, object]


def save(
    path: str | os.PathLike[str],
    model: nn.Module,
    *,
    masks: Masks | None = None,
    about: Mapping[str, object] | None = None,
    example_shape: tuple[int, int, int] | None = None,
) -> None:
    """Write a dense, masked, gated, shrunk or sparse network as one `.safetensors` file, whole or not at all.

    Tensors have the names that they have in the network. One with many zeros is stored without them, bit for bit.

    Args:
        path: where to; a file that is there is replaced once the new one is complete.
        model: any network. One with an `architecture`, as those of `blackthorn.models` and of `models.build` have, is
            built again from it; of any other, the weights are kept, and `load` reads them into a module of its class.
        masks: what was pruned, stored with a masked network; a shrunk one has none.
        about: anything that JSON can say: accuracy, data set, recipe.
        example_shape: channels, height, width of one image, where no architecture says so.
    Raises:
        BundleError: the network does not run, or nothing says on which images; what would be loaded is another
            network, the masks do not fit it, `about` is not JSON, or the file cannot be written.
    """
    path = Path(path)
    architecture = _architecture(path, model, example_shape)
    _check(path, model, architecture, masks)
    shape = _sizes(architecture)[1]
    try:
        header = Header(
            version=3,
            architecture=architecture,
            masked=masks is not None,
            about=dict(about or {}),
            layers=replaced(model),
        )
        plain = architecture["kind"] == PLAIN
        blank = _blank(header, model if plain else None)
        tensors, packed, masked = laid_out(_needed(model, None if plain else blank), masks)
        header = replace(header, packed=packed, masks=masked)
        read_again, _ = state_in(header, {name: tensor.clone() for name, tensor in tensors.items()})
        logits = check_saved(model, _filled(blank, header, read_again), example_images(shape))
    except (BlackthornError, RuntimeError, MemoryError) as error:
        raise BundleError(f"{path}: {one_line(error, most=500)}") from error
    if logits is not None:
        header = replace(header, logits=[[float(f"{logit:.9g}") for logit in one] for one in logits.tolist()])
    write(path, header, tensors)


def load(path: str | os.PathLike[str], *, factory: str | None = None, into: nn.Module | None = None) -> Bundle:
    """Read a bundle; the network gives the logits it gave when it was saved.

    A bundle of a person's own network only names the function that builds it. To call it is to run code of
    the file's choice, so the same name must be given as `factory`; built-in networks need none.

    Args:
        path: a file that `save` wrote, or `hf://owner/name` for one on the Hugging Face hub (`deploy.push`).
        factory: the `package.module:function` that the bundle may call.
        into: a network of the class that was saved, where no function builds it: a copy takes the weights.
    Raises:
        BundleError: no such file, not a bundle, damaged, of another version, or its network cannot be built or
            gives other logits than when it was saved.
    """
    path = fetched(str(path)) if str(path).startswith(SCHEME) else Path(path)
    header, tensors = read(path)
    kind = str(header.architecture.get("kind"))
    if kind == PLAIN and into is None:
        name = header.architecture.get("class")
        raise BundleError(f"{path} holds the weights of a {name}, which no function builds; give one: into={name}(...)")
    if ":" in kind and factory != kind and into is None:
        raise BundleError(
            f"{path} is built by '{kind}', which is not part of Blackthorn; if you trust it: factory='{kind}'"
        )
    _check_bounds(path, header.architecture)
    try:
        state, masks = state_in(header, tensors)
        model = _filled(_blank(header, into), header, state)
        if masks is not None:
            masks.check(model)
        example = example_in(header, tensors, _sizes(header.architecture)[1])
        if example is not None:
            check_loaded(model, *example)
    except (BlackthornError, RuntimeError, MemoryError) as error:
        raise BundleError(f"{path}: {one_line(error, most=500)}") from error
    return Bundle(model.eval(), masks, dict(header.about))


def _blank(header: Header, into: nn.Module | None) -> nn.Module:
    """The network in its full size, or a copy of `into`, on the CPU; a built-in one has no weights, nor memory for any.

    A person's own function may compute something from first weights, so it draws them.
    """
    if into is not None:
        return copied(into).cpu()
    with drawing_apart(torch.device("cpu"), seed=_CHANCE):
        if header.architecture.get("kind") not in BUILDERS:
            return build(header.architecture)
        with torch.device("meta"):
            return build(header.architecture)


def _filled(model: nn.Module, header: Header, state: Mapping[str, Tensor]) -> nn.Module:
    """The network that a bundle describes; its tensors are those of `state`."""
    kind = str(header.architecture.get("class" if header.architecture.get("kind") == PLAIN else "kind"))
    replace_layers_(model, header.layers, state)
    wanted, lasting = _state(model), model.state_dict().keys()
    missing = sorted((wanted.keys() & lasting) - state.keys())
    if missing:
        others = sorted(state.keys() - wanted.keys())
        instead = f", but '{others[0]}' is" if others else ""
        raise BundleError(f"'{missing[0]}' of '{kind}' is not in it{instead}; was the network's code changed since?")
    resize_(model, {name: tensor.shape for name, tensor in state.items()})
    replace_(model, state)
    classes, shape = _sizes(header.architecture)
    check_logits(model, num_classes=classes, shape=shape, name=kind)
    return model


def _needed(model: nn.Module, blank: nn.Module | None) -> dict[str, Tensor]:
    """The state, without such buffers as `state_dict` leaves out and every network that is built has."""
    built = {} if blank is None else dict(blank.named_buffers())
    lasting = model.state_dict().keys()
    return {
        name: tensor
        for name, tensor in _state(model).items()
        if name in lasting or name not in built or not _same(tensor.cpu(), built[name])
    }


def _same(one: Tensor, other: Tensor) -> bool:
    return (one.dtype, one.device) == (other.dtype, other.device) and torch.equal(one, other)


def _check_bounds(path: Path, architecture: Mapping[str, object]) -> None:
    """Refuse an architecture that no memory holds before anything of it is built.

    A shrunk network may be thousands of times smaller than its architecture, so the sizes are looked at and not the
    file: whole numbers of at most a million, 2^30 weights of a fully connected network, and 2000 layers.
    """
    named = {name: architecture.get(name) for name in ("num_classes", "in_channels", "image_size")}
    shared = {name: said for name, said in named.items() if isinstance(said, int | list)}
    for nested in architecture.values():
        if isinstance(nested, Mapping):
            _check_bounds(path, {**shared, **nested})
    numbers = [number for said in architecture.values() for number in (said if isinstance(said, list) else [said])]
    sizes = [number for number in numbers if isinstance(number, int) and not isinstance(number, bool)]
    channels, side = architecture.get("in_channels"), architecture.get("image_size")
    sides = side if isinstance(side, list) else [side, side]
    image = math.prod(size for size in (channels, *sides) if isinstance(size, int))
    inputs = image if architecture.get("kind") == "mlp" else 1
    hidden = architecture.get("hidden")
    widths = [width for width in hidden if isinstance(width, int)] if isinstance(hidden, list) else []
    weights = sum(one * other for one, other in pairwise([inputs, *widths])) if widths else 0
    depth = architecture.get("depth")
    deep = isinstance(depth, int) and depth > _DEEPEST
    if any(abs(size) > _WIDEST for size in sizes) or len(numbers) > _DEEPEST or image > _PIXELS:
        raise BundleError(f"{path}: its architecture names sizes that no network has; it was not built")
    if deep or weights > _WEIGHTS:
        raise BundleError(f"{path}: its architecture has more weights or layers than fit here; it was not built")


def _architecture(path: Path, model: nn.Module, shape: tuple[int, int, int] | None) -> dict[str, object]:
    try:
        architecture = dict(architecture_of(model))
    except ModelError:
        name = type(model).__qualname__
        if shape is None:
            raise BundleError(
                f"{path}: nothing says which images a {name} takes; give example_shape=(channels, height, width)"
            ) from None
        architecture = {"kind": PLAIN, "class": name, "num_classes": _classes(path, model, shape)}
    if shape is not None:
        architecture.setdefault("in_channels", shape[0])
        architecture.setdefault("image_size", shape[1] if shape[1] == shape[2] else list(shape[1:]))
    return architecture


def _classes(path: Path, model: nn.Module, shape: tuple[int, int, int]) -> int:
    """How many logits a network gives."""
    try:
        with eval_mode(model), torch.no_grad():
            return logits_from(model, torch.zeros(2, *shape, device=device_of(model))).shape[1]
    except Exception as error:
        raise BundleError(f"{path}: the network cannot take images of shape {shape}: {one_line(error)}") from error


def _sizes(architecture: Mapping[str, object]) -> tuple[int, tuple[int, int, int]]:
    classes, channels, side = (architecture.get(name) for name in ("num_classes", "in_channels", "image_size"))
    sides = side if isinstance(side, (list, tuple)) else [side, side]
    sizes = [classes, channels, *sides]
    if len(sizes) != 4 or not all(isinstance(size, int) for size in sizes):
        raise BundleError(
            "the architecture needs num_classes, in_channels and image_size; make the network by models.build"
        )
    return sizes[0], (sizes[1], sizes[2], sizes[3])


def _state(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer, tied ones once, with the buffers that `state_dict` leaves out."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _check(path: Path, model: nn.Module, architecture: Mapping[str, object], masks: Masks | None) -> None:
    known = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    known |= {name for name, _ in model.named_buffers(remove_duplicate=False)}
    for name in model.state_dict():
        if name not in known:
            raise BundleError(f"{path}: '{name}' of the network's state is no tensor; only tensors can be saved")
    try:
        classes, shape = _sizes(architecture)
        check_logits(model, num_classes=classes, shape=shape)
        if masks is not None:
            masks.check(model)
    except PruningError as error:
        raise BundleError(f"{path}: {error}; a shrunk network is saved without masks") from error
    except BlackthornError as error:
        raise BundleError(f"{path}: {error}") from error
    parameters = dict(model.named_parameters())
    for name, mask in (masks or {}).items():
        if (parameters[name].detach()[~mask.to(parameters[name].device)] != 0).any():
            raise BundleError(f"{path}: '{name}' is not zero where its mask says; call masks.apply_(model)")
