"""Recipes: experiments as data, run from a content-addressed store.

Names load on first use: reading a results file needs no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..claims.selecting import Choice as Choice
    from ..claims.selecting import HighCompression as HighCompression
    from ..claims.selecting import HighRobustness as HighRobustness
    from ..claims.selecting import NoLoss as NoLoss
    from ..claims.selecting import select as select
    from ..results.cells import Cell as Cell
    from ..results.cells import Published as Published
    from ..results.cells import Selected as Selected
    from ..results.cells import Verdict as Verdict
    from ..running.collecting import collect as collect
    from ..running.running import run_plan as run_plan
    from ..running.store import Store as Store
    from .planning import Plan as Plan
    from .planning import plan as plan
    from .reading import read_recipe as read_recipe
    from .schema import Recipe as Recipe

_HOMES = {
    "Cell": "cells",
    "Choice": "selecting",
    "HighCompression": "selecting",
    "HighRobustness": "selecting",
    "NoLoss": "selecting",
    "Plan": "planning",
    "Published": "cells",
    "Recipe": "schema",
    "Selected": "cells",
    "Store": "store",
    "Verdict": "cells",
    "collect": "collecting",
    "plan": "planning",
    "read_recipe": "reading",
    "run_plan": "running",
    "select": "selecting",
}

__all__ = sorted(_HOMES)  # the table above


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'blackthorn.recipes' has no attribute '{name}'")
