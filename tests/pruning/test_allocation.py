import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blackthorn.errors import PruningError
from blackthorn.pruning.allocation import Budget, Scope, Unit, drop_units, keep_weights, removal_count, smallest

few = st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=20)


def test_29_percent_of_100_is_29() -> None:
    assert int(0.29 * 100) == 28
    assert removal_count(100, 0.29) == 29


def test_counts_are_rounded_down() -> None:
    assert [removal_count(7, rate) for rate in (0.1, 0.5, 0.99)] == [0, 3, 6]


@given(few, st.data())
def test_smallest_is_a_stable_sort_with_ties_by_weight_then_by_place(scores: list[float], data: st.DataObject) -> None:
    ties = data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=len(scores), max_size=len(scores)))
    count = data.draw(st.integers(0, len(scores)))
    found = smallest(torch.tensor(scores), torch.tensor(ties), count).nonzero().flatten().tolist()
    order = sorted(range(len(scores)), key=lambda i: (scores[i], ties[i], i))
    assert found == sorted(order[:count])


def test_global_scope_is_class_blind_and_per_layer_is_not() -> None:
    scores = {"small": torch.tensor([1.0, 2.0]), "large": torch.tensor([3.0, 4.0])}
    overall = keep_weights(scores, scores, 0.5, scope="global", floor=0)
    each = keep_weights(scores, scores, 0.5, scope="per_layer", floor=1)
    assert [overall[name].tolist() for name in scores] == [[False, False], [True, True]]
    assert [each[name].tolist() for name in scores] == [[False, True], [False, True]]


def test_the_floor_spares_the_last_weight_and_the_next_in_rank_goes_instead() -> None:
    scores = {"small": torch.tensor([1.0, 2.0]), "large": torch.tensor([3.0, 4.0])}
    keep = keep_weights(scores, scores, 0.5, scope="global", floor=1)
    assert [keep[name].tolist() for name in scores] == [[False, True], [False, True]]


@pytest.mark.parametrize(("scope", "most"), [("global", 0.5), ("per_layer", 0.333)])
def test_a_floor_that_cannot_be_kept_says_how_much_can_go(scope: Scope, most: float) -> None:
    scores = {"small": torch.arange(3.0), "large": torch.arange(5.0)}
    with pytest.raises(PruningError, match=rf"0.9 cannot be reached: with floor=2 weights .* at most {most:g} can go"):
        keep_weights(scores, scores, 0.9, scope=scope, floor=2)
    keep_weights(scores, scores, most, scope=scope, floor=2)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=9), min_size=1, max_size=4),
    st.integers(0, 3),
    st.floats(0, 1),
)
def test_a_floor_equals_taking_weights_one_by_one(layers: list[list[tuple[int, int]]], floor: int, rate: float) -> None:
    scores = {str(i): torch.tensor([float(score) for score, _ in layer]) for i, layer in enumerate(layers)}
    ties = {str(i): torch.tensor([float(tie) for _, tie in layer]) for i, layer in enumerate(layers)}
    ranked = sorted((*layers[i][j], i, j) for i in range(len(layers)) for j in range(len(layers[i])))
    kept = {(i, j) for *_, i, j in ranked}
    count = removal_count(len(ranked), rate)
    for *_, i, j in ranked:
        if len(ranked) - len(kept) < count and sum(one == i for one, _ in kept) > floor:
            kept.remove((i, j))
    if len(ranked) - len(kept) < count:
        with pytest.raises(PruningError, match="cannot be reached"):
            keep_weights(scores, ties, rate, scope="global", floor=floor)
    else:
        keep = keep_weights(scores, ties, rate, scope="global", floor=floor)
        assert {(int(name), j) for name, mask in keep.items() for j in mask.nonzero().flatten().tolist()} == kept


def test_nan_scores_are_refused() -> None:
    scores = {"a": torch.tensor([1.0, float("nan")])}
    with pytest.raises(PruningError, match="scores of 'a' are nan"):
        keep_weights(scores, scores, 0.5, scope="global", floor=1)


def filters(*names: str) -> list[Unit]:
    return [((name, i),) for i, name in enumerate(names)]


def count_filters(total: int) -> Budget:
    return Budget(total=total, take=len, exact=True)


def test_the_floor_spares_the_last_filter_and_the_next_in_rank_goes_instead() -> None:
    units = filters("a", "a", "b", "b")
    dropped = drop_units(units, {"a": 2, "b": 2}, 0.5, count_filters(4), floor=1)
    assert [unit[0][0] for unit in dropped] == ["a", "b"]


def test_floor_zero_empties_the_layer_as_ranked() -> None:
    dropped = drop_units(filters("a", "a", "b", "b"), {"a": 2, "b": 2}, 0.5, count_filters(4), floor=0)
    assert [unit[0][0] for unit in dropped] == ["a", "a"]


def test_an_unreachable_rate_says_what_can_be_reached() -> None:
    with pytest.raises(PruningError, match=r"floor=1 filters kept in each layer at most 0.5 can go"):
        drop_units(filters("a", "a", "b", "b"), {"a": 2, "b": 2}, 0.9, count_filters(4), floor=1)


@given(st.lists(st.sampled_from("abc"), min_size=6, max_size=30), st.floats(0.05, 0.5), st.floats(0, 0.3))
def test_a_larger_rate_removes_all_that_a_smaller_one_does(names: list[str], rate: float, more: float) -> None:
    counts = {name: names.count(name) for name in names}
    runs = []
    for r in (rate, rate + more):
        try:
            runs.append(drop_units(filters(*names), counts, r, count_filters(len(names)), floor=1))
        except PruningError:
            return
    assert runs[1][: len(runs[0])] == runs[0]
