"""No point of the ball has a smaller margin than the bounds say, whatever the layers."""

import pytest
import torch
from torch import nn

from blackthorn.attacks import PGD, craft
from blackthorn.bounds import certify, crown, interval
from blackthorn.bounds.boxes import Norm

from .networks import NETWORKS, images, least_found, margins

EVERY = pytest.mark.parametrize("name", NETWORKS)
NORM = pytest.mark.parametrize("norm", ["linf", "l2"])
RADII = {"linf": (0.01, 0.05, 0.3), "l2": (0.05, 0.3, 2.0)}


def bounds_of(model: nn.Module, x: torch.Tensor, y: torch.Tensor, norm: Norm, eps: float) -> dict[str, torch.Tensor]:
    return {
        "interval": interval(model, x, y, norm, eps),
        "crown-ibp": crown(model, x, y, norm, eps, intermediate="interval"),
        "crown": crown(model, x, y, norm, eps),
        "crown float32": crown(model, x, y, norm, eps, arithmetic="float32"),
        "rounded": crown(model, x, y, norm, eps, claim="rounded"),
    }


@EVERY
@NORM
@pytest.mark.parametrize("size", [0, 1, 2])
def test_no_point_that_is_found_lies_below_a_bound(name: str, norm: Norm, size: int) -> None:
    model, x, eps = NETWORKS[name]().eval(), images(), RADII[norm][size]
    y = torch.arange(len(x)) % 3
    least = least_found(model, x, y, norm, eps)
    for kind, found in bounds_of(model, x, y, norm, eps).items():
        found = found.scatter(1, y[:, None], 0.0)
        assert found.isfinite().all()
        assert (found <= least + 1e-6).all(), kind  # the points' own margins are rounded in float32


@EVERY
@NORM
def test_each_method_is_at_least_as_tight_as_the_cheaper_one(name: str, norm: Norm) -> None:
    model, x = NETWORKS[name]().eval(), images()
    y = torch.arange(len(x)) % 3
    for eps in RADII[norm]:
        found = bounds_of(model, x, y, norm, eps)
        assert (found["crown-ibp"] >= found["interval"]).all()
        assert (found["crown"] >= found["interval"]).all()
        assert found["crown"].clamp_max(1e9).mean() >= found["crown-ibp"].clamp_max(1e9).mean()
        assert (found["rounded"] <= found["crown"] + 1e-9).all()
        assert torch.allclose(found["crown float32"].double(), found["crown"], atol=1e-2, rtol=1e-2)


@EVERY
@NORM
def test_at_radius_0_the_bounds_are_the_margins(name: str, norm: Norm) -> None:
    model, x = NETWORKS[name]().eval(), images()
    y = torch.arange(len(x)) % 3
    right = margins(model.double(), x.double(), y)
    model.float()
    for found in (interval(model, x, y, norm, 0.0), crown(model, x, y, norm, 0.0)):
        assert torch.allclose(found.scatter(1, y[:, None], 0.0), right, atol=1e-7)


@EVERY
@NORM
def test_a_larger_ball_has_lower_bounds(name: str, norm: Norm) -> None:
    """For intervals everywhere; CROWN may trade one line for another, so it is held to it where nothing is open."""
    model, x = NETWORKS[name]().eval(), images()
    y = torch.arange(len(x)) % 3
    before = torch.full((len(x), 3), torch.inf, dtype=torch.float64)
    for eps in (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 0.9):
        found = interval(model, x, y, norm, eps)
        assert (found <= before).all()
        before = found
    small, large = crown(model, x, y, norm, 0.001), crown(model, x, y, norm, 0.5)
    assert (large <= small + 1e-6).all()


@pytest.mark.slow
@EVERY
@NORM
def test_an_attack_fools_no_image_that_is_proved(name: str, norm: Norm) -> None:
    model, x = NETWORKS[name]().eval(), images(40)
    with torch.no_grad():
        y = model(x).argmax(1)
    for eps in RADII[norm]:
        fooled = craft(PGD(norm=norm, eps=eps, steps=40, loss="margin", restarts=3), model, x, y).fooled
        proved = certify(model, x, y, norm=norm, eps=eps).proved
        assert not (fooled & proved).any()


def test_something_is_proved_on_each_network() -> None:
    for name, make in NETWORKS.items():
        model, x = make().eval(), images(20)
        with torch.no_grad():
            y = model(x).argmax(1)
        assert certify(model, x, y, eps=0.001).proved.any(), name
