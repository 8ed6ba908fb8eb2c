"""Several ranks carry a plan out: they train together, measure side by side, and the store is that of one process."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from blackthorn.errors import BlackthornError, RecipeError
from blackthorn.experiment import Experiment
from blackthorn.measuring import blocks
from blackthorn.recipes.request import Request
from blackthorn.running.choosing import Place
from blackthorn.running.events import quiet
from blackthorn.running.joining import Talk
from blackthorn.running.launching import AskedRanks, asked_ranks
from blackthorn.running.on_ranks import check_batches, follow
from blackthorn.speed.ranks import Ranks, ranks

from ..ranks import Pair, pair
from ..recipes.tiny import TRAIN, tiny, write

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("ranks")) as started:
        yield started


def prepared(folder: Path, store: str) -> Experiment:
    return Experiment.prepare(Request(str(folder / "r.yaml")), folder / store, None, device=CPU)


def carry_out(folder: Path, store: str) -> Any:
    """What each rank does; the second says by its threads what it has measured."""
    talk = Talk(ranks(), dist.FileStore(str(folder / f"{store}.talk"), ranks().count))
    if not talk.ranks.first:
        torch.set_num_threads(2)
        try:
            return follow(talk, CPU)
        finally:
            torch.set_num_threads(1)
    try:
        return prepared(folder, store).carry_out(None, quiet, Place(talk=talk)).write().to_json()
    except BlackthornError as problem:
        return problem
    finally:
        for rank in talk.others:
            talk.tell(rank, "end")


def test_they_find_what_one_process_finds(two: Pair, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    together, _ = two(carry_out, tmp_path, "together")
    prepared(tmp_path, "alone").carry_out(1, quiet).write()
    results = [folder / "reports" / "r-full" / "results.csv" for folder in (tmp_path / "together", tmp_path / "alone")]
    assert results[0].read_bytes() == results[1].read_bytes()
    assert together["missing"] == [] and len(together["results"]) == 6
    names = [{path.name for path in (tmp_path / store / "stages").iterdir()} for store in ("together", "alone")]
    assert names[0] == names[1]  # the same addresses, and nothing half done
    measured = {cell.record.threads for cell in prepared(tmp_path, "together").page().grid.cells}
    assert measured == {1, 2}  # the second rank had its share


def carry_out_in_blocks(folder: Path, store: str, bytes_at_once: int) -> Any:
    """The same, with so little memory for an attack that test images are taken in several blocks."""
    before, blocks._AT_ONCE = blocks._AT_ONCE, bytes_at_once
    try:
        return carry_out(folder, store)
    finally:
        blocks._AT_ONCE = before


def test_an_attack_on_several_blocks_is_shared_and_finds_what_one_process_finds(
    two: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = 10 * 64 * 4  # bytes of the batch that one block holds here
    made = tiny()
    made["measures"]["pgd"]["batch_size"] = 10
    write(tmp_path, made)
    together, _ = two(carry_out_in_blocks, tmp_path, "together", images)
    monkeypatch.setattr(blocks, "_AT_ONCE", images)
    experiment = prepared(tmp_path, "alone").carry_out(1, quiet)
    assert together["missing"] == []
    measures = [stage for stage in experiment.plan.stages if stage.label.endswith("pgd")]
    assert measures and all(stage.value.shared(experiment.splits) for stage in measures)
    for stage in measures:
        found = [tmp_path / store / "stages" / stage.name for store in ("together", "alone")]
        for name in ("flags.npy", "examples.safetensors"):
            assert (found[0] / name).read_bytes() == (found[1] / name).read_bytes()
    grids = [prepared(tmp_path, store).page().grid.cells for store in ("together", "alone")]
    for one, other in zip(*grids):
        assert replace(one.record, seconds=0.0, threads=1) == replace(other.record, seconds=0.0)


def test_a_training_that_fails_on_all_is_left_out(two: Pair, tmp_path: Path) -> None:
    write(tmp_path, tiny(*TRAIN, "optimizer", to={"kind": "sgd", "lr": 1e30}))
    problem, _ = two(carry_out, tmp_path, "failed")
    assert isinstance(problem, RecipeError)
    assert "seed 0 · dense · train 2 epochs" in str(problem) and "training has blown up" in str(problem)


def test_batches_too_small_for_the_ranks_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    write(tmp_path, tiny())
    with pytest.raises(RecipeError, match="--devices 33: seed 0 · dense · train 2 epochs has a batch_size of 32"):
        check_batches(prepared(tmp_path, "none").plan, Ranks(0, 33))
    check_batches(prepared(tmp_path, "none").plan, Ranks(0, 32))


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ({}, None),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"RANK": "1", "WORLD_SIZE": "2"}, AskedRanks(1, 2, 1, 2)),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}, AskedRanks(5, 8, 1, 4)),
    ],
)
def test_the_environment_says_which_rank_a_process_is(
    said: dict[str, str], asked: AskedRanks | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert asked_ranks() == asked


@pytest.mark.parametrize("rank", ["2", "-1", "first"])
def test_an_environment_that_names_no_rank_is_refused(rank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RecipeError, match=f"RANK={rank} and WORLD_SIZE=2"):
        asked_ranks()
