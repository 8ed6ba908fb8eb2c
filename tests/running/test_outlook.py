"""Looking ahead: what is left of a plan, without doing any of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from blackthorn.running import Folder, quiet, run_plan
from blackthorn.running.outlook import outlook

from ..recipes.conftest import laid_out
from ..recipes.tiny import TINY, TRAIN, read, tiny


def test_what_is_left_is_told_and_nothing_is_done(tmp_path: Path) -> None:
    made, cpu = read(tmp_path, TINY), torch.device("cpu")
    plan, splits, store = laid_out(made), made.data.load(), Folder(tmp_path / "store")
    ahead = outlook(plan, splits, store, cpu)
    assert (ahead.stages, ahead.done) == (9, 0) and ahead.seconds > 0
    assert [stage.label for stage in ahead.trainings] == [
        "seed 0 · dense · train 2 epochs",
        "seed 0 · weight 50% · train 1 epoch",
    ]
    assert list((tmp_path / "store" / "stages").iterdir()) == []
    run_plan(plan, splits, store, cpu, quiet)
    ahead = outlook(plan, splits, store, cpu)
    assert (ahead.done, ahead.seconds, list(ahead.left)) == (9, 0.0, [])


def test_an_outlook_moves_no_random_numbers(tmp_path: Path) -> None:
    made = read(tmp_path, TINY)
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    outlook(laid_out(made), made.data.load(), Folder(tmp_path / "store"), torch.device("cpu"))
    assert torch.rand(1) == pytest.approx(wanted)


@pytest.mark.parametrize(("precision", "autocast"), [("bf16", {True}), ("float32", {False})])
def test_a_training_step_is_timed_in_the_arithmetic_that_the_training_will_use(
    tmp_path: Path, precision: str, autocast: set[bool]
) -> None:
    made = read(tmp_path, tiny(*TRAIN, "precision", to=precision))
    plan = laid_out(made)
    plan = replace(plan, stages=plan.stages[:1])  # the training; what measures decides for itself
    seen = set[bool]()
    hook = register_module_forward_pre_hook(lambda module, images: seen.add(torch.is_autocast_enabled("cpu")))
    try:
        outlook(plan, made.data.load(), Folder(tmp_path / "store"), torch.device("cpu"))
    finally:
        hook.remove()
    assert seen == autocast
