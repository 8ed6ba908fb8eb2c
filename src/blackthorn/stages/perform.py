"""Doing one stage's work, and saying what was done."""

import time
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from ..values import spell
from .artifacts import save_about
from .stage import Work


def _options(task: Any) -> Any:
    """Everything that the task was told, defaults included."""
    said = getattr(task, "measure", task)
    if not hasattr(said, "__pydantic_fields__"):
        return spell(said) if said is not task else task.spelling()
    try:
        return TypeAdapter(type(said)).dump_python(said, mode="json", by_alias=True, warnings=False)
    except PydanticSerializationError:  # a person's own criterion, given from Python
        return spell(said)


def perform(work: Work) -> None:
    """Do a stage's work in its folder, going on from what an interrupted attempt left there.

    Raises:
        BlackthornError: what the stage's own work refuses.
        OSError: the folder cannot be written.
    """
    start, stage = time.perf_counter(), work.stage
    stage.value.run(work)
    named = {role: [one.name for one in stages] for role, stages in stage.inputs.items()}
    save_about(
        work.folder,
        {
            "stage": stage.value.spelling(),
            "options": _options(stage.value),
            "label": stage.label,
            "parent": stage.parent.key if stage.parent else None,
            **({"inputs": named} if named else {}),
            "model": stage.model,
            **({"precision": stage.precision} if stage.value.precision == "auto" else {}),
            **work.provenance(),
            "seconds": round(time.perf_counter() - start, 3),
        },
    )
