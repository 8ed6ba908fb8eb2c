"""What must be so before anything is computed: a device that can be used, and networks that can be built."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..data import Splits
from ..errors import BlackthornError, ModelError, RecipeError
from ..models import build
from ..recipes.network import Network
from ..recipes.planning import check_begun, passes_of
from ..recipes.schema import Recipe
from ..stages import Held, Load


def found_device(name: str | None) -> torch.device:
    """The device of that name; by default a GPU if there is one.

    Raises:
        RecipeError: it cannot be used here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as problem:
        reason = str(problem).partition("\n")[0]
        why = f" ({reason})" if len(reason) <= 100 else ""  # torch goes on about its internals
        raise RecipeError(f"--device {name}: cannot be used here{why}; leave it out, or write cpu") from None
    return device


def check_networks(recipe: Recipe, splits: Splits, name: str) -> dict[tuple[str, str], float]:
    """Build every network that begins anew, so that one that cannot be is refused before hours of training others.

    Args:
        recipe: what is asked for.
        splits: its images.
        name: of the recipe, for the words of an error.
    Returns:
        What they tell of the time that measures take, for the plan.
    Raises:
        BlackthornError: a network cannot be built, weights do not fit it, it has none to train, or it does not have a
            layer that is named.
    """
    passes: dict[tuple[str, str], float] = {}
    for row, network in recipe.networks.items():
        if network.of is None and not isinstance(network.begin, Held):
            at = "from" if network.begin is not None else None if network.model is None else "model"
            with told(f"{name}: {'model' if at is None else f'networks.{row}.{at}'}"):
                made = _begun(recipe.model_of(row), network, splits)
            check_begun(recipe, row, made, lambda path: told(f"{name}: {path}"))
            passes |= passes_of(recipe, row, made, splits)
    return passes


@contextmanager
def told(where: str) -> Iterator[None]:
    """Say where in the recipe a thing is asked for that cannot be had."""
    try:
        yield
    except BlackthornError as problem:
        raise type(problem)(f"{where}: {problem}") from problem
    except (RuntimeError, MemoryError) as problem:
        if "can't allocate memory" not in str(problem) and not isinstance(problem, MemoryError):
            raise
        raise ModelError(f"{where}: there is not enough memory for it; make it smaller") from None


def _begun(model: Mapping[str, Any], network: Network, splits: Splits) -> nn.Module:
    """A network as a recipe lets it begin, or ModelError."""
    with torch.random.fork_rng(devices=[]):
        made = build(model, num_classes=splits.num_classes, shape=splits.shape)
    if isinstance(network.begin, Load):
        network.begin.check_fits(made)
    trained = any(step.trains for step in network.steps)
    if trained and not any(parameter.requires_grad for parameter in made.parameters()):
        raise ModelError(f"{model['kind']} has no weights to train")
    return made
