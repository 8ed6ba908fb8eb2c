"""A recipe with one long training, for tests that stop it in the middle."""

import subprocess
from pathlib import Path
from typing import Any

from ..cli.test_faults import until
from ..recipes.conftest import laid_out
from ..recipes.tiny import read, tiny

LONG = {"kind": "train", "epochs": 400, "batch_size": 8, "stop_at_chance": False}


def begun(folder: Path, store: str) -> Path:
    """The folder of the long training of a recipe that is being run, once it has a checkpoint."""
    made = laid_out(read(folder, recipe()))
    name = next(stage.name for stage in made.stages if stage.label.endswith("400 epochs"))
    until(lambda: list((folder / store).glob(f"stages/{name}*.partial/checkpoint.pt")), 240)
    return next((folder / store).glob(f"stages/{name}*.partial"))


def recipe() -> dict[str, Any]:
    """One long training, whose epochs can be counted, and a short one on the way."""
    made = tiny()
    made["networks"]["long"] = {"steps": [LONG]}
    return made


def epochs(partial: Path) -> int:
    """How many a checkpoint has behind it."""
    import torch

    return len(torch.load(partial / "checkpoint.pt", weights_only=True)["history"])


def finish_in(process: "subprocess.Popen[str]", seconds: float) -> tuple[int, str]:
    _, err = process.communicate(timeout=seconds)
    return process.returncode, err
