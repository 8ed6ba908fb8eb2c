"""Networks that people bring are shrunk, and compute what the masked ones do."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.channels import channel_groups
from blackthorn.pruning import FilterNorm, prune, shrink

from ..channels.networks import images, lively
from ..channels.wirings import WIRINGS
from .foreign import NETWORKS


def size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.filterwarnings("ignore:left whole")
@pytest.mark.parametrize("build", [*NETWORKS, *WIRINGS])
def test_an_ordinary_network_shrinks_to_what_the_masked_one_computes(build: type[nn.Module]) -> None:
    torch.manual_seed(0)
    model = lively(build())
    units = FilterNorm(include_linear=True)
    prune(model, units, sparsity=0.5, scope="per_layer", coupled=True, x=images())
    small = shrink(model, None, example=images())
    assert size(small) < size(model)
    for batch in (images(7), images(8)[:1], images(9) * 0.1, torch.rand(6, 3, 8, 8)):
        wanted = model(batch)
        torch.testing.assert_close(small(batch), wanted, rtol=0, atol=1e-5 * float(wanted.detach().abs().max()))


@pytest.mark.parametrize("build", [*NETWORKS, *WIRINGS])
def test_every_group_but_the_logits_is_prunable(build: type[nn.Module]) -> None:
    *hidden, logits = channel_groups(lively(build()), images())
    assert all(group.prunable for group in hidden) and not logits.prunable


class Odd(nn.Module):
    """PReLU, alpha dropout, new axes, axes named by option, and a flatten of what is flat."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.slopes, self.last = nn.Conv2d(3, 8, 3), nn.PReLU(8), nn.Conv2d(8, 6, 3)
        self.drop, self.out = nn.AlphaDropout(), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.slopes(self.conv(x))
        x = x.permute(dims=(0, 2, 3, 1))[:, None, ...].movedim(-1, 2)[:, 0]
        x = F.relu(self.last(x)).mean((2, 3))[:, :, None, None].flatten(1)
        return self.out(self.drop(x).flatten(1))


def test_operations_that_only_move_axes_pin_nothing() -> None:
    model = lively(Odd())
    prune(model, FilterNorm(), sparsity=0.5, scope="per_layer", x=images())
    small = shrink(model, None, example=images())
    assert (small.slopes.num_parameters, small.last.out_channels, small.out.in_features) == (4, 3, 3)
    torch.testing.assert_close(small(images(2)), model(images(2)), rtol=0, atol=1e-5)
