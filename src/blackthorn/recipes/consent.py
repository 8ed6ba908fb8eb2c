"""Whose code a recipe may run: a recipe is a text from anyone, and a factory that it names is a program."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ..errors import RecipeError
from ..models.foreign import file_of
from ..models.own import Own
from ..stages import Built
from .schema import Recipe


def check_code(recipe: Recipe, name: str, named: Collection[str]) -> None:
    """Refuse factories to which nobody agreed, before anything of theirs is imported.

    A factory may run if the person named it on the command line, or if its module lies in the folder of the recipe's
    file, where it came with the recipe or was written for it. `json:loads` lies elsewhere and must be named.

    Args:
        recipe: what is to run.
        name: its file, or the name of a recipe of the package.
        named: factories that the person has named, `package.module:factory`.
    Raises:
        RecipeError: naming the factory, and what to add to the command.
    """
    models = {"model": recipe.model}
    models |= {f"networks.{row}.model": one.model for row, one in recipe.networks.items() if one.model is not None}
    models |= {
        f"networks.{row}.from": dict(one.begin.model)
        for row, one in recipe.networks.items()
        if isinstance(one.begin, Built)
    }
    kinds = {path: str(model.get("kind", "")).strip() for path, model in models.items()}
    for path, kind in {**kinds, **{path: own.kind for path, own in owned(recipe)}}.items():
        if ":" in kind and kind not in named and not _beside(kind, name):
            raise RecipeError(
                f"{name}: {path}: '{kind}' is code that does not lie beside the recipe, and could do anything; "
                f"if you trust it, add --allow-code {kind}"
            )


def owned(held: object, path: str = "") -> Iterator[tuple[str, Own]]:
    """Every attack and criterion of a person's own in a recipe, with its path."""
    if isinstance(held, Own):
        yield path, held
    elif dataclasses.is_dataclass(held) and not isinstance(held, type):
        for field in dataclasses.fields(held):
            yield from owned(getattr(held, field.name), f"{path}.{field.name}".lstrip("."))
    elif isinstance(held, Mapping):
        for name, entry in held.items():
            yield from owned(entry, f"{path}.{name}".lstrip("."))
    elif isinstance(held, (list, tuple)):
        for number, entry in enumerate(held):
            yield from owned(entry, f"{path}.{number}")


def _beside(kind: str, name: str) -> bool:
    module, _, factory = kind.partition(":")
    file = file_of(kind)
    if file is None or not factory.isidentifier() or not name.endswith((".yaml", ".yml")):
        return False
    folder, root = Path(name).resolve().parent, module.partition(".")[0]
    try:
        first = file.resolve().relative_to(folder).parts[0]
    except ValueError:
        return False
    return first in (root, f"{root}.py")
