"""Dropout of the PARANA networks: two readings with names, any rate as a number, and nothing by default."""

import pytest
import torch
from torch import nn

from blackthorn import models
from blackthorn.errors import ModelError

SMALL = {"mlp": {"hidden": (8, 6)}, "parana_cnn": {"channels": (2, 2, 2, 2), "hidden": (8, 6)}}
EITHER = pytest.mark.parametrize("name", sorted(SMALL))


def made(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return models.build({"kind": name, **SMALL[name], **options}, num_classes=10, shape=(1, 8, 8))


def rates(model: nn.Module) -> list[float]:
    return [module.p for module in model.modules() if isinstance(module, nn.Dropout)]


@EITHER
def test_as_described_drops_seven_of_ten_behind_each_hidden_linear_layer(name: str) -> None:
    model = made(name, dropout="as_described")
    assert rates(model) == [0.7, 0.7]
    kinds = [type(module) for module in model]
    assert kinds[-7:] == [nn.Linear, nn.ReLU, nn.Dropout, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]


@EITHER
def test_as_run_is_the_network_without_the_option(name: str) -> None:
    assert rates(made(name)) == rates(made(name, dropout="as_run")) == []
    assert made(name).architecture == made(name, dropout="as_run").architecture
    assert "dropout" not in made(name).architecture


@EITHER
def test_dropout_has_no_part_in_first_weights_or_in_eval_mode(name: str) -> None:
    plain, dropping = made(name).eval(), made(name, dropout=0.5).eval()
    assert list(plain.state_dict()) == list(dropping.state_dict())
    x = torch.rand(3, 1, 8, 8)
    assert torch.equal(plain(x), dropping(x))


def test_what_is_kept_is_scaled_up_so_that_its_mean_stays() -> None:
    model = made("mlp", dropout="as_described").train()
    hidden = torch.ones(20_000, 8)
    kept = model.dropout1(hidden)
    assert kept.unique().tolist() == pytest.approx([0, 1 / 0.3])
    assert kept.mean().item() == pytest.approx(1, abs=0.02)


@EITHER
def test_the_architecture_remembers_it(name: str) -> None:
    again = models.build(made(name, dropout="as_described").architecture)
    assert rates(again) == [0.7, 0.7]


@pytest.mark.parametrize("said", [1.0, -0.1, "as_written", True, float("nan"), [0.5]])
def test_what_is_no_probability_is_refused(said: object) -> None:
    with pytest.raises(ModelError, match=r"mlp: dropout must be a number in .*as_described or as_run; got"):
        made("mlp", dropout=said)
