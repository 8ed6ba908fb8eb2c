"""Looking ahead: what is left of a plan, without doing any of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn.modules.module import register_module_forward_pre_hook

from blackthorn.experiment import Experiment, Request
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


def test_a_curve_of_a_layer_is_expected_to_take_only_what_follows_on_what_comes_before(tmp_path: Path) -> None:
    """64 x 16 and 16 x 10 numbers are multiplied; of the last layer, what comes back at each of 100 rates is added."""
    whole, last = (
        {"kind": "pruning_curve", "criterion": {"kind": "magnitude"}, "layers": layers} for layers in ([], ["out"])
    )
    made = tmp_path / "made.yaml"
    made.write_text(
        yaml.safe_dump(tiny("measures", to={"natural": {"kind": "accuracy"}, "whole": whole, "last": last}))
    )
    cpu = torch.device("cpu")
    experiment = Experiment.prepare(Request(str(made), "full", (0,)), tmp_path / "store", None, device=cpu)
    efforts = {place.metric: place.stage.effort for place in experiment.plan.places if place.row == "dense"}
    once, images = 64 * 16 + 16 * 10, 40
    assert efforts["last"] - efforts["natural"] == pytest.approx(images * (once + 100 * 0) / once - images)
    assert efforts["whole"] - efforts["natural"] == pytest.approx(images * (once + 100 * 160) / once - images)
