"""Which experiment a person asks for: a recipe, and what is changed about it on the command line."""

import dataclasses
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .consent import check_code
from .reading import read_recipe, recipe_of
from .schema import Recipe


@dataclass(frozen=True)
class Request:
    """Which experiment: a recipe, and what is changed about it."""

    recipe: str
    preset: str = "full"
    seeds: tuple[int, ...] | None = None
    model: str | None = None
    changes: tuple[str, ...] = ()
    allow_code: tuple[str, ...] = ()
    """Factories that the recipe may call, `package.module:factory`, beside the one that is given as `model`."""
    merge: tuple[str, ...] = ()
    """Other reports of the recipe whose seeds are shown too."""
    made: Mapping[str, Any] | None = None
    """The recipe itself, where a program made it; then `recipe` is its name."""
    said: tuple[str, ...] = ()
    """The words after `blackthorn` that ask for it, where they are not `run RECIPE`."""

    def read(self) -> Recipe:
        """The recipe, validated, with everything applied."""
        if self.made is not None:
            return recipe_of(self.made, self.recipe)
        model = [] if self.model is None else [f"model={json.dumps({'kind': self.model})}"]
        read = read_recipe(self.recipe, preset=self.preset, changes=[*model, *self.changes], model=self.model)
        return read if self.seeds is None else dataclasses.replace(read, seeds=self.seeds)

    def check_code(self, recipe: Recipe) -> None:
        """Refuse to run code to which the person who asks has not agreed.

        Raises:
            RecipeError: naming the factory, and what to add to the command.
        """
        check_code(recipe, self.recipe, {*self.allow_code, *([] if self.model is None else [self.model.strip()])})

    @property
    def command(self) -> str:
        """What to type to run it again; folders are left out, since a report travels to where there are others."""
        if self.made is not None:
            asked = self.recipe.partition("-")[0]  # audit-NAME, compress-NAME
            return shlex.join(["blackthorn", *self.said]) if self.said else f"blackthorn.{asked}(...) in Python"
        words = ["blackthorn", "report" if self.merge else "run", self.recipe, "--preset", self.preset]
        if self.seeds is not None:
            words += ["--seeds", ",".join(map(str, self.seeds))]
        if self.model is not None:
            words += ["--model", self.model]
        for change in self.changes:
            words += ["--set", change]
        for report in self.merge:
            words += ["--merge", report]
        for factory in self.allow_code:
            words += ["--allow-code", factory]
        return shlex.join(words)
