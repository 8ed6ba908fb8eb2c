"""Measures whose adversarial images are crafted elsewhere: which stages there are, and what they need."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blackthorn.deploy import load
from blackthorn.errors import RecipeError
from blackthorn.recipes import Plan
from blackthorn.results import AccuracyRecord
from blackthorn.running import Event, Folder, collect
from blackthorn.stages import Stage

from .conftest import laid_out, run
from .tiny import read, tiny

FGSM = {"kind": "fgsm", "eps": 0.1}
SUBSTITUTE = {"kind": "substitute", "holdout": 10, "rounds": 3, "epochs": 2, "hidden": [8]}


def black(source: Any = SUBSTITUTE, **more: Any) -> dict[str, Any]:
    """A measure with a source."""
    return {"kind": "accuracy", "attack": FGSM, "source": source, **more}


def sourced(**measures: Any) -> dict[str, Any]:
    """The tiny recipe with these measures beside its natural accuracy."""
    return {**tiny(), "measures": {"natural": {"kind": "accuracy"}, **measures}, "statements": []}


def substitutes(made: Plan) -> list[Stage]:
    return [stage for stage in made.stages if stage.kind == "substitute"]


def metric(made: Plan, row: str, name: str) -> Stage:
    return next(place.stage for place in made.places if (place.row, place.metric) == (row, name))


def test_each_measured_network_has_a_substitute_which_all_its_measures_share(tmp_path: Path) -> None:
    made = laid_out(read(tmp_path, sourced(a=black(), b=black(n_max=10), c=black(attack={**FGSM, "eps": 0.2}))))
    assert [stage.label for stage in substitutes(made)] == [
        "seed 0 · dense · substitute",
        "seed 0 · weight 50% · substitute",
    ]
    heard: list[Event] = []
    assert run(read(tmp_path, sourced(a=black(), b=black(n_max=10))), tmp_path / "store", heard.append) == {}
    begun = Counter(event.label.rpartition(" · ")[2] for event in heard if event.what == "started")
    assert begun["substitute"] == 2 and begun["a"] == begun["b"] == 2


def test_rows_can_share_the_substitute_of_one(tmp_path: Path) -> None:
    made = laid_out(read(tmp_path, sourced(own=black(), dense=black({**SUBSTITUTE, "of": "dense"}))))
    dense, pruned = substitutes(made)
    assert metric(made, "weight 50%", "dense").needs == (metric(made, "weight 50%", "natural").parent, dense)
    assert metric(made, "weight 50%", "own").inputs == {"source": (pruned,)}
    assert metric(made, "dense", "own") is metric(made, "dense", "dense")  # the same work has the same address


def test_a_transfer_attack_is_crafted_on_the_row_it_names_shown_or_not(tmp_path: Path) -> None:
    recipe = sourced(transfer=black({"kind": "network", "name": "dense"}))
    recipe["networks"]["dense"]["show"] = False
    del recipe["published"]
    made = laid_out(read(tmp_path, recipe))
    stage = metric(made, "weight 50%", "transfer")
    (source,) = stage.inputs["source"]
    assert source.kind == "train" and not substitutes(made)
    assert run(read(tmp_path, recipe), tmp_path / "store") == {}
    grid, _ = collect(made, Folder(tmp_path / "store"))
    (cell,) = grid.of(AccuracyRecord)["weight 50%", "transfer"]
    record = cell.record
    assert (record.source, record.first, record.n, record.queries) == ("network", 0, 40, None)


def test_what_a_source_is_called_decides_no_address_and_what_it_is_does(tmp_path: Path) -> None:
    recipe = sourced(black=black({**SUBSTITUTE, "of": "dense"}), transfer=black({"kind": "network", "name": "dense"}))
    del recipe["published"]
    renamed = json.loads(json.dumps(recipe).replace('"dense"', '"first"'))
    before = {stage.key for stage in laid_out(read(tmp_path, recipe)).stages}
    assert {stage.key for stage in laid_out(read(tmp_path, renamed)).stages} == before
    kinds = {stage.kind for stage in laid_out(read(tmp_path, recipe)).stages if stage.key in before}
    longer = read(tmp_path, recipe, "measures.black.source.epochs=3")
    moved = [stage for stage in laid_out(longer).stages if stage.key not in before]
    assert [stage.kind for stage in moved] == ["substitute", "accuracy", "accuracy"] and "prune" in kinds


def test_a_source_moves_no_other_address(tmp_path: Path) -> None:
    plain = {stage.key for stage in laid_out(read(tmp_path, sourced(white=black(None)))).stages}
    both = {stage.key for stage in laid_out(read(tmp_path, sourced(white=black(None), black=black()))).stages}
    old = sourced(white={"kind": "accuracy", "attack": FGSM})
    assert plain == {stage.key for stage in laid_out(read(tmp_path, old)).stages} < both


def test_the_record_says_what_was_left_out_and_what_it_took(tmp_path: Path) -> None:
    recipe = read(tmp_path, sourced(black=black()))
    run(recipe, tmp_path / "store")
    grid, missing = collect(laid_out(recipe), Folder(tmp_path / "store"))
    assert missing == []
    for cell in (cell for cells in grid.of(AccuracyRecord).values() for cell in cells):
        record = cell.record
        if cell.metric == "black":
            assert (record.source, record.first, record.n, record.queries) == ("substitute", 10, 30, 30)
            assert record.agreement is not None and 0 <= record.agreement <= 1
            assert cell.flags is not None and len(cell.flags) == 30
        else:
            assert record.source is None and record.first == 0


def test_a_substitute_is_kept_as_a_network_that_others_can_load(tmp_path: Path) -> None:
    recipe = read(tmp_path, sourced(black=black()))
    run(recipe, tmp_path / "store")
    for stage in substitutes(laid_out(recipe)):
        folder = tmp_path / "store" / "stages" / f"substitute-{stage.key}"
        bundle = load(folder / "network.safetensors")
        assert bundle.about["queries"] == 30 and bundle.about["holdout"] == 10
        assert [p.shape[0] for p in bundle.model.parameters() if p.dim() == 2] == [8, 10]
        assert len((folder / "history.jsonl").read_text().splitlines()) == 3 * 2


def test_a_run_that_lost_a_measure_goes_on_from_the_substitute_to_the_same_answers(tmp_path: Path) -> None:
    recipe = read(tmp_path, sourced(black=black()))
    run(recipe, tmp_path / "store")
    stage = metric(laid_out(recipe), "weight 50%", "black")
    folder = tmp_path / "store" / "stages" / f"accuracy-{stage.key}"
    flags = np.load(folder / "flags.npy")
    folder.rename(folder.with_name(folder.name + ".partial"))
    heard: list[Event] = []
    run(recipe, tmp_path / "store", heard.append)
    assert [event.label for event in heard if event.what == "started"] == ["seed 0 · weight 50% · black"]
    assert np.array_equal(np.load(folder / "flags.npy"), flags)


@pytest.mark.parametrize("source", [{**SUBSTITUTE, "of": "fast"}, {"kind": "network", "name": "fast"}])
def test_a_measure_whose_source_failed_is_left_out_with_its_reason(tmp_path: Path, source: dict[str, Any]) -> None:
    recipe = sourced(black=black(source))
    del recipe["published"]
    blown_up = {"kind": "train", "epochs": 1, "batch_size": 32, "optimizer": {"kind": "sgd", "lr": "1e30"}}
    recipe["networks"] = {"fast": {"steps": [blown_up], "show": False}, "dense": recipe["networks"]["dense"]}
    made = read(tmp_path, recipe)
    failures = run(made, tmp_path / "store")
    grid, missing = collect(laid_out(made), Folder(tmp_path / "store"), failures)
    assert [(cell.row, cell.metric) for cell in grid.cells] == [("dense", "natural")]
    assert len(missing) == 1 and missing[0].startswith(
        "dense, black, seed 0: seed 0 · fast · train 1 epoch: the loss is"
    )


def test_a_network_of_ones_own_that_fails_as_an_oracle_is_left_out_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_net_of_sources.py").write_text("""
from torch import nn

class Shy(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.out = nn.Linear(64, num_classes)

    def forward(self, x):
        if x.min() < 0 and not self.training:
            raise IndexError("never seen such a pixel")
        return self.out(x.flatten(1))
""")
    recipe = {**sourced(black=black()), "model": "own_net_of_sources:Shy"}
    failures = run(read(tmp_path, recipe), tmp_path / "store")
    assert "seed 0 · dense · substitute: own_net_of_sources:Shy raised IndexError: never seen such a pixel" in (
        failures.values()
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({**SUBSTITUTE, "of": "dence"}, "measures.black.source.of: there is no network 'dence'; did you mean 'dense'?"),
        ({"kind": "network", "name": "x"}, "measures.black.source.name: there is no network 'x'; Known: dense"),
    ],
)
def test_a_source_that_names_no_network_is_refused(tmp_path: Path, source: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=r"r\.yaml: ") as refused:
        read(tmp_path, sourced(black=black(source)))
    assert words in str(refused.value)


def test_unpruned_is_the_network_that_each_was_pruned_from_or_the_measured_one_itself(tmp_path: Path) -> None:
    named = black({"kind": "network", "name": "dense"})
    made = laid_out(
        read(
            tmp_path,
            sourced(from_dense=named, white={"kind": "accuracy", "attack": FGSM}, own=black({"kind": "unpruned"})),
        )
    )
    assert metric(made, "weight 50%", "own") is metric(made, "weight 50%", "from_dense")
    assert metric(made, "dense", "own") is metric(made, "dense", "white")
