import time

import pytest
import torch
from torch import Tensor, nn

from blackthorn.errors import ModelError
from blackthorn.measuring import latency


class Sleeps(nn.Module):
    """Takes a known time, and writes down what it saw."""

    def __init__(self, seconds: float, log: list[str] | None = None, name: str = "") -> None:
        super().__init__()
        self.seconds, self.log, self.name = seconds, log, name
        self.batches: set[int] = set()
        self.states: set[tuple[bool, bool, bool]] = set()

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(self.seconds)
        if self.log is not None:
            self.log.append(self.name)
        self.batches.add(len(x))
        self.states.add((self.training, torch.is_inference_mode_enabled(), denormals_flushed()))
        return x


def denormals_flushed() -> bool:
    return not bool(torch.tensor([1e-40]).mul(1.0).ne(0))


X = torch.rand(2, 1, 2, 2)


def test_a_known_time_is_measured():
    (got,) = latency({"dense": Sleeps(0.004)}, X, batches=(1,), repeats=7)
    assert (got.form, got.batch, got.n) == ("dense", 1, 7)
    assert 0.004 <= got.low <= got.median <= got.high < 1


def test_the_slower_network_is_found_slower():
    slow, fast = latency({"slow": Sleeps(0.03), "fast": Sleeps(0.002)}, X, batches=(1,), repeats=5)
    assert slow.low > fast.median


def test_networks_take_turns_and_none_always_goes_first():
    log: list[str] = []
    latency({name: Sleeps(0.003, log, name) for name in "ab"}, X, batches=(1,), repeats=6)
    measured = log[6:]  # after three calls of warm-up each
    assert measured == ["a", "b", "b", "a"] * 3


def test_the_example_fills_each_batch():
    model = Sleeps(0.002)
    got = latency({"dense": model}, X, batches=(1, 5), repeats=1)
    assert model.batches == {1, 5} and [one.batch for one in got] == [1, 5]


def test_networks_run_in_eval_and_inference_mode_with_denormals_flushed_and_all_is_put_back():
    model = Sleeps(0.002)
    before = denormals_flushed()
    latency({"dense": model}, X, batches=(1,), repeats=1)
    assert model.states == {(False, True, True)}
    assert model.training and denormals_flushed() == before and not torch.is_inference_mode_enabled()


def test_time_is_bounded_but_five_rounds_are_kept():
    start = time.perf_counter()
    (got,) = latency({"dense": Sleeps(0.01)}, X, batches=(1,), repeats=10_000, seconds=0.02)
    assert got.n == 5 and time.perf_counter() - start < 2


def test_a_short_call_is_repeated_within_a_sample():
    log: list[str] = []
    (got,) = latency({"dense": Sleeps(0.0, log, "a")}, X, batches=(1,), repeats=5)
    assert len(log) > 5 * 3 and got.median < 0.02


@pytest.mark.parametrize(("models", "x"), [({}, X), ({"dense": nn.Identity()}, X[:0])])
def test_nothing_to_time_is_refused(models, x):
    with pytest.raises(ModelError, match="latency wants networks and an example image"):
        latency(models, x)
