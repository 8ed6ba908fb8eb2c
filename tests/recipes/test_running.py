"""Runs: what is done, in which order, what is left out, and what a half-finished store says."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from blackthorn.errors import StoreError
from blackthorn.recipes import plan
from blackthorn.results import CostRecord
from blackthorn.running import Event, Folder, collect

from .conftest import laid_out, run
from .tiny import TRAIN, read, tiny

BLOWN_UP = {"kind": "train", "epochs": 2, "batch_size": 32, "optimizer": {"kind": "sgd", "lr": "1e30"}}


def folders(store: Path) -> set[str]:
    return {folder.name for folder in (store / "stages").iterdir()}


def test_a_run_leaves_a_folder_for_each_stage_and_no_half_finished_one(finished: Path, tmp_path: Path) -> None:
    made = laid_out(read(tmp_path, tiny()))
    assert folders(finished) == {f"{stage.kind}-{stage.key}" for stage in made.stages}


def test_nothing_is_done_again(store: Path, tmp_path: Path) -> None:
    heard: list[Event] = []
    run(read(tmp_path, tiny()), store, heard.append)
    assert Counter(event.what for event in heard) == {"elsewhere": 9}


def test_changing_a_measure_retrains_nothing(store: Path, tmp_path: Path) -> None:
    heard: list[Event] = []
    run(read(tmp_path, tiny(), "measures.pgd.attack.steps=4"), store, heard.append)
    begun = [event.label for event in heard if event.what == "started"]
    assert begun == ["seed 0 · dense · pgd", "seed 0 · weight 50% · pgd"]


def test_the_same_seed_gives_the_same_answers_in_another_store(finished: Path, tmp_path: Path) -> None:
    run(read(tmp_path, tiny()), tmp_path / "other")
    for flags in finished.glob("stages/*/flags.npy"):
        other = tmp_path / "other" / flags.relative_to(finished)
        assert np.array_equal(np.load(flags), np.load(other))


def test_another_seed_gives_another_network(tmp_path: Path) -> None:
    from blackthorn.deploy import load

    made = laid_out(read(tmp_path, tiny("seeds", to=[0, 1])))
    run(read(tmp_path, tiny("seeds", to=[0, 1])), tmp_path / "store")
    trained = [stage for stage in made.stages if stage.kind == "train" and stage.parent is None]
    one, two = (
        load(tmp_path / "store" / "stages" / f"train-{stage.key}" / "network.safetensors").model for stage in trained
    )
    assert not any(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters()) if a.dim() > 1)


def test_training_leaves_no_checkpoint_behind(finished: Path) -> None:
    assert not list(finished.rglob("checkpoint*"))


def test_files_left_half_written_by_a_killed_attempt_are_not_kept(store: Path, tmp_path: Path) -> None:
    folder = next(store.glob("stages/accuracy-*"))
    partial = folder.with_name(folder.name + ".partial")
    folder.rename(partial)
    (partial / "flags.npy.writing").write_text("half")
    (partial / ".network.safetensors.123.partial").write_text("half")
    run(read(tmp_path, tiny()), store)
    assert not partial.exists()
    assert {file.name for file in folder.iterdir()} <= {
        "flags.npy",
        "records.jsonl",
        "stage.json",
        "examples.safetensors",
        "checksums.json",
    }


def test_a_network_that_fails_leaves_the_others_and_their_numbers(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["fast"] = {"steps": [BLOWN_UP]}
    recipe["networks"]["fast child"] = {"of": "fast", "steps": [recipe["networks"]["dense"]["steps"][0]]}
    made = read(tmp_path, recipe)
    failures = run(made, tmp_path / "store")
    assert all("blown up" in why for why in failures.values())
    grid, missing = collect(laid_out(made), Folder(tmp_path / "store"), failures)
    assert {cell.row for cell in grid.cells} == {"dense", "weight 50%"}
    assert len(missing) == 6
    assert missing[0].startswith("fast, natural, seed 0: seed 0 · fast · train 2 epochs: the loss is")


def test_pruning_that_fails_leaves_the_others(tmp_path: Path) -> None:
    recipe = tiny()
    steps = [{"kind": "prune", "criterion": {"kind": "magnitude"}, "sparsity": 1e-9}]
    recipe["networks"]["hardly"] = {"of": "dense", "steps": steps}
    failures = run(read(tmp_path, recipe), tmp_path / "store")
    assert {why.partition(": ")[0] for why in failures.values()} == {"seed 0 · hardly · prune 1e-09"}


def test_a_network_of_ones_own_that_fails_in_training_is_left_out_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_net_of_running.py").write_text("""
from torch import nn

class Moody(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.out = nn.Linear(64, num_classes)

    def forward(self, x):
        if self.training:
            raise IndexError("not today")
        return self.out(x.flatten(1))
""")
    recipe = tiny(
        "networks", "own", to={"model": "own_net_of_running:Moody", "steps": tiny()["networks"]["dense"]["steps"]}
    )
    failures = run(read(tmp_path, recipe), tmp_path / "store")
    (why,) = set(failures.values())
    assert why == "seed 0 · own · train 2 epochs: own_net_of_running:Moody raised IndexError: not today"


def test_ctrl_c_ends_a_run_from_python_too_where_a_network_of_ones_own_makes_another_error_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_net_that_is_interrupted.py").write_text("""
from torch import nn

class Interrupted(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.out = nn.Linear(64, num_classes)

    def forward(self, x):
        try:
            if self.training:
                raise KeyboardInterrupt  # as Python does where Ctrl-C is pressed
        except BaseException:
            raise IndexError("not today")
        return self.out(x.flatten(1))
""")
    recipe = read(tmp_path, tiny("model", to="own_net_that_is_interrupted:Interrupted"))
    with pytest.raises(IndexError, match="not today"):
        run(recipe, tmp_path / "store")


def test_timings_come_last(tmp_path: Path) -> None:
    recipe = tiny("measures", "cost", to={"kind": "cost", "repeats": 5, "batches": [1]})
    kinds = [stage.kind for stage in laid_out(read(tmp_path, recipe)).stages]
    assert kinds.index("cost") == len(kinds) - 2


@pytest.mark.parametrize("lost", ["accuracy", "train"])
def test_a_half_finished_store_says_what_is_missing(store: Path, tmp_path: Path, lost: str) -> None:
    made = laid_out(read(tmp_path, tiny()))
    place = made.places[0]
    stage = place.stage if lost == "accuracy" else place.stage.parent
    assert stage is not None
    shutil.rmtree(store / "stages" / f"{stage.kind}-{stage.key}")
    grid, missing = collect(made, Folder(store))
    if lost == "accuracy":
        assert missing == ["dense, natural, seed 0: not run yet"]
        assert len(grid.cells) == 5
    else:
        assert (len(grid.cells), missing) == (6, [])  # what was measured stays measured


def test_an_empty_store_lacks_everything(tmp_path: Path) -> None:
    grid, missing = collect(laid_out(read(tmp_path, tiny())), Folder(tmp_path / "new"))
    assert (list(grid.cells), len(missing)) == ([], 6)


def test_a_stage_says_where_it_comes_from(finished: Path) -> None:
    for file in finished.glob("stages/*/stage.json"):
        about = json.loads(file.read_text())
        assert {"stage", "label", "parent", "model", "key", "fingerprint", "seed", "version", "torch"} <= about.keys()
        assert about["key"] == file.parent.name


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    with store.lock("a") as first, store.lock("a") as second, store.lock("b") as other:
        assert (first, second, other) == (True, False, True)
    with store.lock("a") as again:
        assert again


def test_work_that_raises_is_not_finished(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    with pytest.raises(KeyError), store.work("train-a") as folder:
        (folder / "half").write_text("")
        raise KeyError("x")
    assert not store.done("train-a")
    with store.work("train-a") as folder:
        assert (folder / "half").exists()
    assert store.done("train-a")


def test_what_the_system_refuses_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Folder(tmp_path / "file")
    with pytest.raises(StoreError, match="the disk is full"), Folder(tmp_path / "s").work("train-a"):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("chain", "forms"),
    [
        (["dense"], {"dense"}),
        (["filter"], {"dense", "masked", "shrunk"}),
        (["filter", "shrink"], {"dense", "masked", "shrunk"}),
        (["filter", "shrink", "train"], {"dense", "shrunk"}),
    ],
)
def test_costs_are_measured_in_every_form_a_network_has(tmp_path: Path, chain: list[str], forms: set[str]) -> None:
    train = {**tiny(*TRAIN, to=None)["networks"]["weight 50%"]["steps"][1], "epochs": 1}
    steps = {
        "dense": train,
        "filter": {
            "kind": "prune",
            "criterion": {"kind": "filter_norm", "include_linear": True},
            "scope": "per_layer",
            "sparsity": "50%",
        },
        "shrink": {"kind": "shrink"},
        "train": train,
    }
    recipe = tiny("networks", to={"net": {"steps": [train, *(steps[word] for word in chain if word != "dense")]}})
    recipe |= {"statements": [], "measures": {"cost": {"kind": "cost", "repeats": 5, "batches": [1]}}}
    del recipe["published"]
    made = read(tmp_path, recipe)
    assert run(made, tmp_path / "store") == {}
    grid, _ = collect(plan(made, made.data.load()), Folder(tmp_path / "store"))
    assert {cell.record.form for cells in grid.of(CostRecord).values() for cell in cells} == forms
