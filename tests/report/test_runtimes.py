"""What the page says about ONNX Runtime, from times made by hand."""

import pytest

from blackthorn.report.costs import Cost
from blackthorn.report.runtimes import runtime_lines


def took(form: str, ms: float, *, row: str = "pruned", batch: int = 1, spread: float = 0.1) -> Cost:
    return Cost(row, "latency", form, batch, ms, ms * (1 - spread), ms * (1 + spread), "ms", (0,))


def test_a_runtime_that_saves_more_than_pruning_is_said_to_do_so() -> None:
    times = {"dense": 10.0, "shrunk": 4.0, "dense onnx": 3.0, "shrunk onnx": 1.0}
    (line,) = runtime_lines([took(form, ms) for form, ms in times.items()])
    assert line == (
        "At batch 1, for pruned, the dense network in ONNX Runtime (3.00 ms) beats the shrunk one in PyTorch "
        "(4.00 ms): the runtime saves more than pruning does. The shrunk network takes 1.00 ms in ONNX Runtime."
    )


@pytest.mark.parametrize("shrunk, words", [(1.0, "does not beat"), (3.1, "is as fast as"), (9.0, "beats")])
def test_what_is_said_depends_on_the_spreads(shrunk: float, words: str) -> None:
    (line,) = runtime_lines([took("dense onnx", 3.0), took("shrunk", shrunk)])
    assert words in line


def test_a_network_that_is_not_pruned_is_compared_with_itself_at_each_batch() -> None:
    spent = [
        took(form, ms, row="net", batch=batch) for batch in (1, 128) for form, ms in (("dense", 6), ("dense onnx", 2))
    ]
    first, second = runtime_lines(spent)
    assert first == "At batch 1, ONNX Runtime runs net in 2.00 ms, and PyTorch in 6.00 ms: it is 3.0× faster."
    assert second.startswith("At batch 128")


def test_nothing_is_said_where_no_runtime_was_timed() -> None:
    assert runtime_lines([took("dense", 1.0), took("shrunk", 0.5)]) == []
