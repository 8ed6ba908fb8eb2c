"""Recipes: experiments as data, and what has to be computed for them.

Names load on first use, so that reading about recipes does not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .planning import Plan as Plan
    from .planning import plan as plan
    from .reading import read_recipe as read_recipe
    from .schema import Recipe as Recipe

_HOMES = {"Plan": "planning", "Recipe": "schema", "plan": "planning", "read_recipe": "reading"}

__all__ = sorted(_HOMES)  # the table above


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'blackthorn.recipes' has no attribute '{name}'")
