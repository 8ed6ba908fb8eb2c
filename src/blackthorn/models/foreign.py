"""A person's own network, found by `package.module:factory`, and the checks that make it safe to measure."""

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import FrozenImporter, PathFinder
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import ModelError, did_you_mean
from ..files import one_line
from .architecture import stamp
from .device import device_of
from .modes import eval_mode
from .outputs import asked, is_one_number, logits_in, tensor_in


def build_foreign(
    kind: str, options: Mapping[str, object], *, num_classes: int, shape: tuple[int, int, int]
) -> nn.Module:
    """Import and call a factory; refuse what is not a network from images of `shape` to `num_classes` logits.

    Raises:
        ModelError: no such module or factory, a factory that raises, or a result that gives no logits.
    """
    channels, height, width = shape
    sizes: dict[str, object] = {
        "num_classes": num_classes,
        "in_channels": channels,
        "image_size": height if height == width else (height, width),
    }
    with _here_on_path():
        factory = _find(kind)
        names, spread = _parameters(kind, factory)
        if not spread:
            check_option_names(kind, names, options)
        accepted = {name: size for name, size in sizes.items() if name in names}
        if spread:  # such a factory forwards what it is given; of the three, every network has num_classes
            accepted["num_classes"] = num_classes
        given = {**accepted, **options}
        try:
            model = factory(**given)
        except (Exception, SystemExit) as error:
            called = ", ".join(f"{name}={option!r}" for name, option in given.items()) or "nothing"
            raise ModelError(f"{kind} raised {named(error)}; it was called with {called}") from error
        if not isinstance(model, nn.Module):
            raise ModelError(f"{kind} returned {type(model).__name__}; it must return a torch.nn.Module")
        return_logits_(model, num_classes=num_classes, shape=shape, name=kind)
    return stamp(model, kind, **sizes, **options)


def source_of(kind: str) -> list[bytes]:
    """The files in which a factory is found and written: other files, another network, as far as one can tell.

    Raises:
        ModelError: no such module or factory.
    """
    with _here_on_path():
        factory = inspect.unwrap(_find(kind))
    modules = [
        sys.modules.get(name) for name in dict.fromkeys([kind.partition(":")[0], getattr(factory, "__module__", "")])
    ]
    files = [Path(file) for module in modules if (file := getattr(module, "__file__", None))]
    return [file.read_bytes() for file in files if file.is_file()]


def file_of(kind: str) -> Path | None:
    """The file of a factory's module, looked up without importing anything; None where there is no such file."""
    module = kind.strip().partition(":")[0]
    names = module.split(".")
    loaded = sys.modules.get(module)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
        return None if file is None else Path(file)
    if names[0] in sys.builtin_module_names or FrozenImporter.find_spec(names[0]) is not None:
        return None
    importlib.invalidate_caches()
    places: Sequence[str] | None = [os.getcwd(), *sys.path]
    spec = None
    for position in range(len(names)):
        part = ".".join(names[: position + 1])
        known = sys.modules.get(part)
        if known is not None and position + 1 < len(names):
            places = list(getattr(known, "__path__", []))
            continue
        try:
            spec = PathFinder.find_spec(part, places)
        except (OSError, ValueError):  # names that no file can have
            return None
        if spec is None:
            return None
        places = spec.submodule_search_locations
    return None if spec is None or not spec.has_location or spec.origin is None else Path(spec.origin)


def check_logits(model: nn.Module, *, num_classes: int, shape: tuple[int, int, int], name: str | None = None) -> None:
    """Run two black images through a network in eval mode; refuse all but (2, num_classes) finite logits.

    Logits may stand in a dict, an object or a tuple, where whoever uses the network calls `outputs.logits_in`.

    Raises:
        ModelError: saying what came out instead.
    """
    _returned(model, num_classes, shape, name)


def return_logits_(model: nn.Module, *, num_classes: int, shape: tuple[int, int, int], name: str | None = None) -> None:
    """As `check_logits`; and let a network that returns a dict or an object with `logits` return these alone.

    A hook does it, since a wrapper would rename every weight.

    Raises:
        ModelError: saying what came out instead.
    """
    returned = _returned(model, num_classes, shape, name)
    if not isinstance(returned, torch.Tensor) and not is_one_number(_tensor(model, (), returned)):
        model.register_forward_hook(_tensor)


def _tensor(model: nn.Module, given: tuple[object, ...], returned: object) -> torch.Tensor:
    """A forward hook after which the network returns logits and nothing else."""
    return tensor_in(returned, type(model).__name__)


def _returned(model: nn.Module, num_classes: int, shape: tuple[int, int, int], name: str | None) -> object:
    """What a network returns for two black images, in which logits were found and are as they should be."""
    name = name or type(model).__name__
    try:
        with eval_mode(model), torch.no_grad():
            x = torch.zeros(2, *shape, device=device_of(model))
            returned: object = asked(model, x)
    except Exception as error:
        raise ModelError(f"{name} cannot take images of shape {shape}: {named(error)}") from error
    logits = _logits(model, x, returned, name)
    if tuple(logits.shape) != (2, num_classes):
        raise ModelError(
            f"{name} gives outputs of shape {tuple(logits.shape)} for 2 images; "
            f"its forward must return logits of shape (2, {num_classes})"
        )
    if not bool(torch.isfinite(logits).all()):
        raise ModelError(f"{name} gives logits that are not finite for a black image; check its first weights")
    return returned


def _logits(model: nn.Module, x: torch.Tensor, returned: object, name: str) -> torch.Tensor:
    try:
        with eval_mode(model), torch.no_grad():
            return logits_in(returned, model, x)
    except ModelError:
        seen = tuple(returned.shape) if isinstance(returned, torch.Tensor) else None
        got = f"a {type(returned).__name__}" if seen is None else f"outputs of shape {seen}"
        wanted = "one tensor of logits, or a dict or an object with logits"
        raise ModelError(f"{name} gives {got}; its forward must return {wanted}") from None


def check_option_names(kind: str, known: Iterable[str], options: Iterable[str]) -> None:
    """Refuse an option that a builder does not have."""
    known = list(known)
    for name in options:
        if name not in known:
            raise ModelError(f"{kind} has no option '{name}'; {did_you_mean(name, known)}")


def found(kind: str) -> Callable[..., Any]:
    """What `package.module:name` names, imported with the current folder first on the path.

    Raises:
        ModelError: no such module, or nothing of that name in it that can be called.
    """
    with _here_on_path():
        return _find(kind)


def _find(kind: str) -> Callable[..., Any]:
    where, _, name = kind.partition(":")
    if not where or not name or where.startswith("."):
        raise ModelError(f"'{kind}' names no factory; write package.module:factory")
    try:
        found: object = importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is None or not (where == error.name or where.startswith(f"{error.name}.")):
            raise ModelError(f"{kind}: module '{where}' imports '{error.name}', which is not installed") from error
        raise ModelError(
            f"{kind}: there is no module '{error.name}' here or among the installed packages; "
            "write package.module:factory and run where the package lies"
        ) from error
    except (Exception, SystemExit) as error:
        raise ModelError(f"{kind}: importing '{where}' raised {named(error)}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            made_here = [n for n, thing in vars(found).items() if getattr(thing, "__module__", None) == where]
            hint = did_you_mean(part, made_here) if made_here else "nothing is defined in it."
            raise ModelError(f"{kind}: '{where}' has no '{part}'; {hint}")
        found = getattr(found, part)
    if not callable(found):
        raise ModelError(f"{kind} is not callable; write the name of a function that returns the network")
    return found


def _parameters(kind: str, factory: Callable[..., object]) -> tuple[list[str], bool]:
    """The names that a factory takes, and whether it takes any."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError) as error:
        raise ModelError(f"{kind} does not say what it takes; write a plain function around it") from error
    named = [one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return named, any(one.kind is one.VAR_KEYWORD for one in parameters)


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


def named(error: BaseException) -> str:
    kind = type(error).__name__
    return f"{kind}: {one_line(error)}" if str(error).strip() else kind
