"""How a plan is carried out: the store, the order, the processes, and collecting what was measured.

Names load on first use, so that `import blackthorn` does not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arithmetic import Arithmetic as Arithmetic
    from .collecting import collect as collect
    from .events import Event as Event
    from .events import Listener as Listener
    from .events import quiet as quiet
    from .executor import Executor as Executor
    from .folder import Folder as Folder
    from .here import Here as Here
    from .opening import store_at as store_at
    from .processes import Processes as Processes
    from .runner import Outcome as Outcome
    from .runner import carry_out as carry_out
    from .runner import run_plan as run_plan
    from .runner import useful_jobs as useful_jobs
    from .store import Store as Store

_HOMES = {
    "Arithmetic": "arithmetic",
    "Event": "events",
    "Executor": "executor",
    "Folder": "folder",
    "Here": "here",
    "Listener": "events",
    "Outcome": "runner",
    "Processes": "processes",
    "Store": "store",
    "carry_out": "runner",
    "collect": "collecting",
    "quiet": "events",
    "run_plan": "runner",
    "store_at": "opening",
    "useful_jobs": "runner",
}

__all__ = sorted(_HOMES)  # the table above


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'blackthorn.running' has no attribute '{name}'")
