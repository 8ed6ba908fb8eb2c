"""A LayerNorm that lost channels which were zero gives what it gave for the others."""

from pathlib import Path

import torch
from torch import nn

from blackthorn.channels import replace_
from blackthorn.channels.partial_norm import PartialLayerNorm
from blackthorn.deploy import load, save
from blackthorn.pruning import FilterNorm, prune, shrink

from ..pruning.foreign import ConvNeXt
from .networks import images, lively


def test_the_zeros_that_are_gone_still_count() -> None:
    # 3 and 1 with two zeros: mean 1, variance ((3-1)^2 + 0 + 1 + 1) / 4 = 1.5
    norm = nn.LayerNorm(4, eps=0.0)
    replace_(norm, {"weight": torch.tensor([2.0, 1.0]), "bias": torch.tensor([0.0, 5.0])})
    assert isinstance(norm, PartialLayerNorm) and (norm.whole, norm.normalized_shape) == (4, (2,))
    wanted = torch.tensor([2 * 2 / 1.5**0.5, 5.0])
    torch.testing.assert_close(norm(torch.tensor([[3.0, 1.0]]))[0], wanted)


def test_it_is_the_layer_norm_of_all_channels() -> None:
    torch.manual_seed(0)
    norm, left = nn.LayerNorm(9), torch.tensor([0, 3, 4, 8])
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    x = torch.zeros(5, 7, 9)
    x[..., left] = 100 + torch.randn(5, 7, 4)  # far from zero, where a variance as a difference would be lost
    wanted = norm(x)[..., left]
    replace_(norm, {"weight": norm.weight.detach()[left], "bias": norm.bias.detach()[left]})
    torch.testing.assert_close(norm(x[..., left]), wanted)


def test_a_shrunk_network_with_such_norms_shrinks_again() -> None:
    torch.manual_seed(0)
    model = lively(ConvNeXt())
    sizes = []
    for _ in range(2):
        prune(model, FilterNorm(include_linear=True), sparsity=0.5, scope="per_layer", coupled=True, x=images())
        masked, model = model, shrink(model, None, example=images())
        torch.testing.assert_close(model(images(2)), masked(images(2)), rtol=0, atol=1e-5)
        sizes.append((len(model.norm.weight), model.norm.whole))
    assert sizes == [(4, 8), (2, 8)]


def test_a_shrunk_network_with_such_norms_is_saved_and_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, file = lively(ConvNeXt()), tmp_path / "net.safetensors"
    prune(model, FilterNorm(include_linear=True), sparsity=0.5, scope="per_layer", coupled=True, x=images())
    small = shrink(model, None, example=images())
    save(file, small, example_shape=(3, 8, 8))
    read = load(file, into=ConvNeXt()).model
    assert torch.equal(read(images(2)), small(images(2)))
