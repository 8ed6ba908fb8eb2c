"""Universal noises in recipes: made once for a network, kept, and added by every measure that lists them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from blackthorn.attacks import UniversalNoise
from blackthorn.deploy import load
from blackthorn.errors import RecipeError, StoreError
from blackthorn.measuring import Accuracy, PruningCurve
from blackthorn.measuring.measure import Subject
from blackthorn.pruning import Magnitude
from blackthorn.recipes import Plan
from blackthorn.results import Cell
from blackthorn.running import Event, Folder, collect
from blackthorn.stages import Stage

from .conftest import laid_out, run
from .tiny import read, tiny

NOISE: dict[str, Any] = {"kind": "universal_noise", "target": 3, "limit": 0.25, "preset": "hvass", "steps": 5}
OTHER: dict[str, Any] = {**NOISE, "target": 8, "limit": 0.5, "lr": 0.1}
DENSE = {"kind": "network", "name": "dense"}
CURVE: dict[str, Any] = {
    "kind": "pruning_curve",
    "criterion": {"kind": "magnitude"},
    "noises": [NOISE, OTHER],
    "source": DENSE,
    "last": 0.8,
    "step": 0.4,
}


def noisy(**measures: Any) -> dict[str, Any]:
    """The tiny recipe with these measures beside its natural accuracy."""
    return {**tiny(), "measures": {"natural": {"kind": "accuracy"}, **measures}, "statements": []}


def under(noise: Any = NOISE, **more: Any) -> dict[str, Any]:
    """Accuracy under a noise."""
    return {"kind": "accuracy", "attack": noise, **more}


def noises(made: Plan) -> list[Stage]:
    return [stage for stage in made.stages if stage.kind == "noise"]


def place(made: Plan, row: str, metric: str) -> Stage:
    return next(place.stage for place in made.places if (place.row, place.metric) == (row, metric))


def collected(recipe: Any, folder: Path) -> list[Cell[Any]]:
    assert run(recipe, folder) == {}
    grid, missing = collect(laid_out(recipe), Folder(folder))
    assert missing == []
    return list(grid.cells)


def test_a_noise_of_a_named_network_is_made_once_for_all_rows_and_measures(tmp_path: Path) -> None:
    made = laid_out(read(tmp_path, noisy(kept=under(source=DENSE), curve=CURVE)))
    assert [stage.label for stage in noises(made)] == [
        "seed 0 · dense · noise 3, 0.25",
        "seed 0 · dense · noise 8, 0.5",
    ]
    first, second = noises(made)
    assert place(made, "weight 50%", "kept").inputs["noises"] == (first,)
    curves = [place(made, row, "curve") for row in ("weight 50%", "dense")]
    assert [curve.inputs["noises"] for curve in curves] == [(first, second)] * 2
    dense = place(made, "dense", "natural").parent
    assert place(made, "weight 50%", "curve").needs[1:] == (dense, first, second) and first.needs == (dense,)


def test_without_a_source_each_measured_network_gets_a_noise_of_its_own(tmp_path: Path) -> None:
    made = laid_out(read(tmp_path, noisy(own=under(), kept=under(source=DENSE))))
    assert [stage.label.split(" · ")[1] for stage in noises(made)] == ["dense", "weight 50%"]
    assert place(made, "weight 50%", "own").inputs["noises"] == (noises(made)[1],)
    dense = [place(made, "dense", metric) for metric in ("own", "kept")]
    assert [stage.inputs["noises"] for stage in dense] == [(noises(made)[0],)] * 2


def test_how_a_noise_is_added_moves_the_measure_and_not_the_noise(tmp_path: Path) -> None:
    recipe = noisy(kept=under(source=DENSE))
    clipped, free = (
        laid_out(read(tmp_path, recipe, *more)) for more in ((), ("measures.kept.attack.clip_eval=false",))
    )
    assert [stage.key for stage in noises(clipped)] == [stage.key for stage in noises(free)]
    assert place(clipped, "dense", "kept").key != place(free, "dense", "kept").key


@pytest.mark.parametrize("change", ["target=4", "limit=0.3", "steps=6", "loss=quadratic", "preset=parana"])
def test_another_noise_moves_the_measure_too(tmp_path: Path, change: str) -> None:
    recipe = noisy(kept=under(source=DENSE))
    before, after = (laid_out(read(tmp_path, recipe, *more)) for more in ((), (f"measures.kept.attack.{change}",)))
    assert not {stage.key for stage in noises(before)} & {stage.key for stage in noises(after)}
    assert place(before, "dense", "kept").key != place(after, "dense", "kept").key
    assert place(before, "dense", "natural").key == place(after, "dense", "natural").key


def test_what_a_source_is_called_decides_no_address(tmp_path: Path) -> None:
    recipe = noisy(kept=under(source=DENSE), curve=CURVE)
    del recipe["published"]
    renamed = json.loads(json.dumps(recipe).replace('"dense"', '"first"'))
    keys = [{stage.key for stage in laid_out(read(tmp_path, one)).stages} for one in (recipe, renamed)]
    assert keys[0] == keys[1]


def test_noises_move_no_address_of_what_has_none(tmp_path: Path) -> None:
    plain = {stage.key for stage in laid_out(read(tmp_path, noisy())).stages}
    assert plain < {stage.key for stage in laid_out(read(tmp_path, noisy(curve=CURVE, own=under()))).stages}


def test_what_a_run_stores_is_what_the_library_makes(tmp_path: Path) -> None:
    """The noise from training images and the seed; the accuracy and the curve with it, on the test images."""
    recipe = read(tmp_path, noisy(kept=under(source=DENSE), curve=CURVE))
    cells, made, splits = collected(recipe, tmp_path / "store"), laid_out(recipe), recipe.data.load()
    stages = tmp_path / "store" / "stages"
    models = {
        row: load(stages / f"{stage.kind}-{stage.key}" / "network.safetensors").model
        for row in recipe.rows
        if (stage := place(made, row, "natural").parent) is not None
    }
    attacks = [UniversalNoise(**{key: held for key, held in one.items() if key != "kind"}) for one in (NOISE, OTHER)]
    drawn = []
    for attack, stage in zip(attacks, noises(made)):
        drawn.append(attack(models["dense"], splits.train.x, seed=0))
        stored = load_file(stages / f"noise-{stage.key}" / "noise.safetensors")["noise"]
        assert torch.equal(stored, drawn[-1])
    x, y = splits.test.x, splits.test.y
    for row, model in models.items():
        measured = Accuracy(attack=attacks[0])(model, x, y, noise=drawn[0], source=models["dense"])
        (cell,) = (cell for cell in cells if (cell.row, cell.metric) == (row, "kept"))
        assert cell.flags is not None and torch.equal(torch.from_numpy(cell.flags), measured.flags)
        assert cell.record.targeted_success == measured.targeted_success
        curve = PruningCurve(criterion=Magnitude(), noises=tuple(attacks), last=0.8, step=0.4)
        slow = curve.measure(Subject(model, x, y, noises=drawn)).records
        ours = [cell.record for cell in cells if (cell.row, cell.metric) == (row, "curve")]
        measured_again = [(one.rate, one.noise, one.value, one.gained, one.lost, one.highest) for one in slow]
        assert [(one.rate, one.noise, one.value, one.gained, one.lost, one.highest) for one in ours] == measured_again
        assert len(ours) == 3 * 3 and ours[0].seed == 0 and ours[0].key.startswith("pruning_curve-")


def test_a_noise_that_hardly_moved_is_said_with_every_number(tmp_path: Path) -> None:
    recipe = read(
        tmp_path, noisy(kept=under({**NOISE, "lr": 1e-6}), curve={**CURVE, "noises": [{**NOISE, "lr": 1e-6}]})
    )
    for cell in collected(recipe, tmp_path / "store"):
        hardly = "barely moved" in str(cell.record.warnings)
        assert hardly == (cell.metric == "kept" or (cell.metric == "curve" and cell.record.noise is not None))


def test_a_curve_scores_the_images_that_its_criterion_asks_for(tmp_path: Path) -> None:
    curve = {**CURVE, "criterion": {"kind": "activated_value", "images": 20}, "noises": [], "source": None}
    cells = collected(read(tmp_path, noisy(curve=curve)), tmp_path / "store")
    assert {cell.record.criterion for cell in cells if cell.metric == "curve"} == {"activated_value"}


def test_a_run_that_was_interrupted_makes_no_noise_again(tmp_path: Path) -> None:
    recipe = read(tmp_path, noisy(kept=under(source=DENSE)))
    run(recipe, tmp_path / "store")
    folder = next((tmp_path / "store" / "stages").glob("accuracy-*"))
    folder.rename(folder.with_name(folder.name + ".partial"))
    heard: list[Event] = []
    assert run(recipe, tmp_path / "store", heard.append) == {}
    assert Counter(event.what for event in heard if event.what != "advanced")["started"] == 1


def test_a_noise_that_cannot_be_read_is_said_in_a_line(tmp_path: Path) -> None:
    recipe = read(tmp_path, noisy(kept=under(source=DENSE)))
    run(recipe, tmp_path / "store")
    stages = tmp_path / "store" / "stages"
    next(stages.glob("noise-*/noise.safetensors")).write_bytes(b"half")
    kept = place(laid_out(recipe), "dense", "kept")
    folder = stages / f"accuracy-{kept.key}"
    folder.rename(folder.with_name(folder.name + ".partial"))
    with pytest.raises(StoreError, match=r"noise\.safetensors: cannot be read .*; delete the folder"):
        run(recipe, tmp_path / "store")


def test_a_target_that_the_network_does_not_have_leaves_the_other_measures(tmp_path: Path) -> None:
    recipe = read(tmp_path, noisy(kept=under({**NOISE, "target": 10}, source=DENSE)))
    failures = run(recipe, tmp_path / "store")
    grid, _ = collect(laid_out(recipe), Folder(tmp_path / "store"), failures)
    assert {cell.metric for cell in grid.cells} == {"natural"}
    assert "target is class 10, but the network has 10 logits" in " ".join(failures.values())


def test_a_curve_whose_source_is_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"measures\.curve\.source\.name: there is no network 'dence'"):
        read(tmp_path, noisy(curve={**CURVE, "source": {"kind": "network", "name": "dence"}}))


def test_a_measure_is_handed_the_noises_that_it_lists_in_its_order(tmp_path: Path) -> None:
    curve = place(laid_out(read(tmp_path, noisy(curve=CURVE))), "dense", "curve")
    turned = place(laid_out(read(tmp_path, noisy(curve={**CURVE, "noises": [OTHER, NOISE]}))), "dense", "curve")
    assert turned.inputs["noises"] == curve.inputs["noises"][::-1] and turned.key != curve.key
