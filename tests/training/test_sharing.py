"""Two ranks that share every batch end where one rank ends: to the last digits in float64, to rounding in float32."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from blackthorn.errors import BundleError, RanksError, TrainingError
from blackthorn.training import SGD

from ..ranks import Pair, pair
from .shared import (
    TRAININGS,
    Trained,
    apart,
    blow_up,
    die,
    train,
    train_alone,
    train_from_other_weights,
    train_otherwise,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("ranks")) as ranks:
        yield ranks


@pytest.mark.parametrize("name", TRAININGS)
def test_two_ranks_end_at_the_weights_and_losses_of_one(name: str, two: Pair) -> None:
    exact = name != "interval bound"  # intervals are in float32 whatever the network is in
    found, expected = two(exactly if exact else roughly, name), train(name, exact=exact)
    for trained in found:
        assert isinstance(trained, Trained), trained
        assert apart(expected, trained) < (1e-10 if exact else 1e-5)
        assert torch.equal(trained.left, expected.left)  # generators are where one rank leaves them
    assert all(torch.equal(tensor, found[1].weights[key]) for key, tensor in found[0].weights.items())  # to the bit
    assert found[0].said == expected.said and found[1].said == 0  # only the first speaks


@pytest.mark.parametrize("name", ["squared", "l2", "dropout", "adversarial pruning"])
def test_in_float32_they_differ_by_rounding(name: str, two: Pair) -> None:
    """Of a few digits, where no step divides by rounding or takes its sign, as Adam and linf attacks may."""
    expected = roughly(name)
    assert all(apart(expected, trained) < 1e-4 for trained in two(roughly, name))


def test_without_synchronised_norms_running_statistics_are_averaged(two: Pair) -> None:
    """The mean over a batch is that of its parts; the variance is not, and so the weights are others."""
    found, expected = two(unsynced), unsynced()
    assert all(torch.equal(tensor, found[1].weights[key]) for key, tensor in found[0].weights.items())
    means = [trained.weights["network.3.running_mean"] for trained in (expected, found[0])]
    variances = [trained.weights["network.3.running_var"] for trained in (expected, found[0])]
    assert torch.allclose(*means, rtol=0, atol=1e-12)
    assert not torch.allclose(*variances, rtol=1e-6)


def unsynced() -> Trained:
    return train("clean", sync_batchnorm=False, optimizer=SGD(lr=1e-30), batch_size=20)


@pytest.mark.parametrize("name", ["held", "admm"])
def test_all_begin_where_the_first_is(name: str, two: Pair) -> None:
    expected = train(name)
    assert all(apart(expected, trained) < 1e-10 for trained in two(train_from_other_weights, name))


def test_a_rank_can_train_by_itself(two: Pair) -> None:
    expected = train("dropout")
    assert all(apart(expected, trained) == 0 for trained in two(train_alone, "dropout"))


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_training_goes_on_with_another_number_of_ranks(first: str, two: Pair, tmp_path: Path) -> None:
    name, file = "adversarial pruning", tmp_path / "checkpoint.pt"
    if first == "one":
        with pytest.raises(TimeoutError):
            train(name, checkpoint=file, die_after=6)
        found = two(resume, name, file)[1]
    else:
        assert all(isinstance(problem, TimeoutError) for problem in two(begin, name, file))
        found = resume(name, file)
    assert len(found.history) == 2 and apart(train(name), found) < 1e-10


def exactly(name: str) -> Trained:
    return train(name)


def roughly(name: str) -> Trained:
    return train(name, exact=False)


def begin(name: str, file: Path) -> Trained:
    return train(name, checkpoint=file, die_after=6)


def resume(name: str, file: Path) -> Trained:
    assert file.exists()
    return train(name, checkpoint=file, die_after=1000)


def test_what_one_rank_refuses_all_refuse(two: Pair, tmp_path: Path) -> None:
    damaged = tmp_path / "checkpoint.pt"
    damaged.write_bytes(b"nothing")
    for problem in two(resume, "clean", damaged):
        assert isinstance(problem, BundleError) and "not a checkpoint" in str(problem)
    for problem in two(blow_up, 1):
        assert isinstance(problem, TrainingError) and "the loss is inf in epoch 1 of 2, step 1 of 4" in str(problem)


def test_ranks_that_were_not_given_the_same_are_refused(two: Pair) -> None:
    for problem in two(train_otherwise):
        assert isinstance(problem, RanksError)
        assert str(problem) == "ranks differ: seed is 0 on rank 0 and 1 on rank 1; let all of them run the same"


def test_a_batch_must_have_an_image_for_each_rank(two: Pair) -> None:
    for problem in two(single):
        assert isinstance(problem, TrainingError)
        assert "batch_size: 1 is too small for 2 ranks; write at least 2" in str(problem)


def single() -> Trained:
    return train("clean", batch_size=1)


def test_a_rank_that_ends_is_missed_in_one_line(tmp_path: Path) -> None:
    with pair(tmp_path) as ranks:
        for end in ranks.ends:
            end.send((die, (1,)))
        assert ranks.ends[0].poll(60)
        problem = ranks.ends[0].recv()
    assert isinstance(problem, RanksError) and str(problem).startswith("another rank has ended")
