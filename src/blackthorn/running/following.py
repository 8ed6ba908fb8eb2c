"""A worker process ends with the process that started it, also while it is still loading torch, which takes seconds."""

import importlib
import multiprocessing as mp
import os
import threading
from typing import Any


def with_starter(module: str, *given: Any) -> None:
    """Call `work(*given)` of a module, in a process that ends when the one that started it does, however that ends."""
    threading.Thread(target=_follow, daemon=True).start()
    importlib.import_module(module).work(*given)


def _follow() -> None:
    starter = mp.parent_process()
    if starter is not None:
        starter.join()
        os._exit(1)
