"""Blackthorn: train, prune, attack, measure and ship neural networks that are small and still hard to fool.

    import blackthorn as bt

    splits = bt.load_data("digits")
    model = bt.models.wang_cnn(num_classes=10)
    attack = bt.attacks.PGD(eps=8/255, steps=20)

Everything is `f(model, x, y)`; everything configurable is a frozen value; imports point one way (docs/architecture.md).
Submodules load on first use, so that `import blackthorn` and `blackthorn --help` do not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        attacks as attacks,
    )
    from . import (
        bounds as bounds,
    )
    from . import (
        channels as channels,
    )
    from . import (
        claims as claims,
    )
    from . import (
        data as data,
    )
    from . import (
        deploy as deploy,
    )
    from . import (
        gates as gates,
    )
    from . import (
        measuring as measuring,
    )
    from . import (
        models as models,
    )
    from . import (
        objectives as objectives,
    )
    from . import (
        pruning as pruning,
    )
    from . import (
        recipes as recipes,
    )
    from . import (
        report as report,
    )
    from . import (
        results as results,
    )
    from . import (
        running as running,
    )
    from . import (
        training as training,
    )
    from .auditing import audit as audit
    from .compressing import compress as compress
    from .data import load_data as load_data
    from .experiment import run as run
    from .experiment import write_report as write_report
    from .shipping import ship as ship
    from .training import fit as fit

__version__ = "0.2.0"

_FOLDERS = (
    "attacks",
    "bounds",
    "channels",
    "claims",
    "data",
    "deploy",
    "gates",
    "measuring",
    "models",
    "objectives",
    "pruning",
    "recipes",
    "report",
    "results",
    "running",
    "training",
)
_FUNCTIONS = {
    "audit": "auditing",
    "compress": "compressing",
    "load_data": "data",
    "fit": "training",
    "run": "experiment",
    "ship": "shipping",
    "write_report": "experiment",
}

__all__ = sorted([*_FOLDERS, *_FUNCTIONS, "__version__"])  # kept in step with the tables above


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        return importlib.import_module(f".{name}", __name__)
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f".{_FUNCTIONS[name]}", __name__), name)
    raise AttributeError(f"module 'blackthorn' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
