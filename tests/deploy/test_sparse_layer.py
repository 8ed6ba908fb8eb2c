from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from blackthorn import attacks, measuring, models
from blackthorn.deploy import decouple, kernel, parts, sparse_layer, unroll
from blackthorn.deploy.sparse_layer import from_linear
from blackthorn.errors import ModelError
from blackthorn.pruning import Magnitude, prune


@pytest.fixture(params=["compiled", "torch", "threads"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The kernel, the same in threads however little there is to do, and torch's own product."""
    if request.param == "torch":
        monkeypatch.setattr(kernel, "available", lambda: False)
    elif not kernel.available():
        pytest.skip("llvmlite is not installed")
    if request.param == "threads":
        monkeypatch.setattr(parts, "_WORTH_A_THREAD", 1)
        torch.set_num_threads(3)
    yield request.param
    torch.set_num_threads(1)


def pruned_linear(inputs: int, outputs: int, zeros: float = 0.8, *, bias: bool = True) -> nn.Linear:
    linear = nn.Linear(inputs, outputs, bias=bias)
    linear.weight.data *= torch.rand_like(linear.weight) > zeros
    return linear


@pytest.mark.parametrize("n", [0, 1, 2, 5, 16, 17, 33, 71])
def test_outputs_and_every_gradient_are_those_of_the_dense_layer(way: str, n: int) -> None:
    linear = pruned_linear(37, 23)
    layer = from_linear(linear)
    x = torch.randn(n, 37, requires_grad=True)
    y, wanted = layer(x), linear(x)
    torch.testing.assert_close(y, wanted)
    weights = torch.randn_like(y)
    ours = torch.autograd.grad((y * weights).sum(), [x, layer.weight, layer.bias])
    theirs = torch.autograd.grad((wanted * weights).sum(), [x, linear.weight, linear.bias])
    for got, want in zip(ours, (theirs[0], theirs[1][linear.weight != 0], theirs[2])):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [1, 9, 40])
def test_an_unrolled_convolution_has_the_gradients_of_the_convolution(way: str, n: int) -> None:
    conv = nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)
    layer, x = unroll(conv, (7, 6)), torch.randn(n, 4, 7, 6, requires_grad=True)
    weights = torch.randn_like(conv(x))
    ours = torch.autograd.grad((layer(x) * weights).sum(), [x, layer.bias])
    theirs = torch.autograd.grad((conv(x) * weights).sum(), [x, conv.bias])
    for got, want in zip(ours, theirs):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 50), st.integers(1, 70), st.sampled_from([0.0, 0.5, 0.9, 1.0]), st.booleans())
def test_the_product_is_scipys(inputs: int, outputs: int, n: int, zeros: float, bias: bool) -> None:
    linear = pruned_linear(inputs, outputs, zeros, bias=bias)
    x = torch.randn(n, inputs)
    matrix = scipy.sparse.csr_array(linear.weight.detach().double().numpy())
    wanted = torch.from_numpy((matrix @ x.double().numpy().T).T) + (linear.bias.detach() if bias else 0.0)
    torch.testing.assert_close(from_linear(linear)(x).double(), wanted, rtol=1e-5, atol=1e-5)


def test_panels_of_columns_change_nothing(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    linear, x = pruned_linear(101, 13), torch.randn(35, 101)
    monkeypatch.setattr(sparse_layer, "_PANEL", 10)
    layer = from_linear(linear)
    assert len(layer.rows) == 10
    torch.testing.assert_close(layer(x), linear(x))
    torch.testing.assert_close(layer.without_zeros()(x), linear(x))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_up_in_float32(kind: torch.dtype) -> None:
    layer, x = from_linear(pruned_linear(300, 4)), torch.rand(2, 300)
    wanted = layer.to(kind).float()(x.to(kind).float()).to(kind)
    assert torch.equal(layer.to(kind)(x.to(kind)), wanted)


def test_gradients_agree_with_finite_differences() -> None:
    """In float64, by torch's own check."""
    layer = from_linear(pruned_linear(7, 5, 0.4)).double()
    x = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, layer.weight, layer.bias))


def test_zero_entries_are_deleted_and_the_original_number_is_kept() -> None:
    layer = unroll(nn.Conv2d(2, 3, 3, padding=1), (6, 6))
    x, stored = torch.rand(4, 2, 6, 6), len(layer.weight)
    layer.weight.data[torch.rand(stored) < 0.7] = 0.0
    small = layer.without_zeros()
    assert len(small.weight) == len(small.columns) == int((layer.weight != 0).sum()) < stored
    assert small.stored == stored and f"{len(small.weight):,} of {stored:,} entries" in repr(small)
    torch.testing.assert_close(small(x), layer(x))


def test_a_layer_without_entries_gives_its_bias() -> None:
    linear = nn.Linear(5, 3)
    linear.weight.data.zero_()
    assert torch.equal(from_linear(linear)(torch.rand(2, 5)), linear.bias.expand(2, 3))


def test_weights_that_change_in_place_count_at_once() -> None:
    linear, x = pruned_linear(9, 4), torch.rand(2, 9)
    layer = from_linear(linear)
    before = layer(x)
    layer.weight.data *= 2
    torch.testing.assert_close(layer(x) - layer.bias, 2 * (before - layer.bias))


def test_leading_axes_are_kept_and_other_features_refused() -> None:
    linear = pruned_linear(9, 4)
    layer = from_linear(linear)
    x = torch.rand(2, 3, 9)
    torch.testing.assert_close(layer(x), linear(x))
    with pytest.raises(ModelError, match=r"wants values of shape \(9,\), got \(2, 3\)"):
        layer(x[..., 0])


def test_autocast_leaves_the_layer_in_float32() -> None:
    layer, x = from_linear(pruned_linear(9, 4)), torch.rand(2, 9)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), layer(x.clone()))
        assert layer(x.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(
    ("part", "number", "says"),
    [
        ("columns", 10**6, "columns of panel 0 must lie from 0 to 8"),
        ("columns", -1, "columns of panel 0 must lie from 0 to 8"),
        ("rows", 10**6, "rows must rise from 0 to the"),
        ("rows", -5, "rows must rise from 0 to the"),
    ],
)
def test_a_structure_that_points_outside_is_refused(part: str, number: int, says: str) -> None:
    layer = from_linear(pruned_linear(9, 4, 0.2))
    state = layer.state_dict()
    state[part] = state[part].clone()
    state[part].view(-1)[1] = number
    with pytest.raises(ModelError, match=says):
        layer.load_state_dict(state)


def test_multiplications_are_those_of_the_entries() -> None:
    model = models.parana_cnn(10, image_size=8, channels=(2, 2, 2, 2), hidden=(6, 5))
    decoupled = decouple(model, torch.rand(1, 1, 8, 8))
    entries = sum(len(decoupled.get_submodule(f"conv{i}").weight) for i in (1, 2, 3, 4))
    assert measuring.macs(decoupled, torch.rand(1, 1, 8, 8)) == entries + 128 * 6 + 6 * 5 + 5 * 10


def test_a_sparse_network_is_exported_with_any_batch() -> None:
    model, x = models.mlp(10, image_size=4, hidden=(30, 20)).eval(), torch.rand(5, 1, 4, 4)
    masks = prune(model, Magnitude(), sparsity=0.9, scope="per_layer")
    layers = {name: from_linear(model.get_submodule(name)) for name in ("fc1", "fc2")}
    for name, layer in layers.items():
        model.set_submodule(name, layer)
    batch = {0: torch.export.Dim("batch", min=2)}
    program = torch.export.export(model, (x,), dynamic_shapes=({**batch},)).module()
    other = torch.rand(40, 1, 4, 4)
    assert masks.removed and torch.equal(program(other), model(other))


def test_a_sparse_network_is_attacked_as_its_dense_twin_is() -> None:
    model, x = models.mlp(10, image_size=4, hidden=(30, 20)).eval(), torch.rand(5, 1, 4, 4)
    prune(model, Magnitude(), sparsity=0.5, scope="per_layer")
    twin = models.mlp(10, image_size=4, hidden=(30, 20)).eval()
    twin.load_state_dict(model.state_dict())
    twin.set_submodule("fc1", from_linear(model.fc1))
    y = torch.arange(5)
    attack = attacks.PGD(eps=0.1, steps=5, random_start=False)
    torch.testing.assert_close(attack(twin, x, y), attack(model, x, y), rtol=0, atol=1e-5)


def test_calls_from_several_threads_do_not_mix() -> None:
    layers = [from_linear(pruned_linear(200, 90)) for _ in range(4)]
    batches = [torch.randn(n, 200) for n in (3, 40, 70, 33)]
    wanted = [[layer(x) for x in batches] for layer in layers]

    def work(number: int) -> bool:
        return all(torch.equal(layers[number](x), y) for _ in range(20) for x, y in zip(batches, wanted[number]))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


def test_weights_may_lie_anywhere_in_memory(way: str) -> None:
    layer = from_linear(pruned_linear(37, 23))
    x = torch.randn(5, 37)
    wanted = layer(x)
    layer.weight = nn.Parameter(torch.stack([layer.weight.detach()] * 2, 1)[:, 0])
    assert not layer.weight.is_contiguous()
    assert torch.equal(layer(x.t().contiguous().t()), wanted)


def test_threads_of_torch_are_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread of torch's means that no other is asked, however much there is to do."""
    monkeypatch.setattr(parts, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(parts, "_pool", lambda: pytest.fail("a thread was asked"))
    from_linear(pruned_linear(9, 4))(torch.rand(100, 9))
