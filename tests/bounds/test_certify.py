"""Certificates: only what is right is tried, the cheapest proof counts, and batches change nothing."""

import pytest
import torch
from torch import Tensor, nn

from blackthorn.bounds import certify, crown, interval
from blackthorn.errors import AttackError

from .networks import conv, images


@pytest.fixture
def model() -> nn.Module:
    return conv().eval()


@pytest.fixture
def x() -> Tensor:
    return images(30)


@pytest.fixture
def y(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        said = model(x).argmax(1)
    said[::5] = (said[::5] + 1) % 3  # a fifth of the images is wrong
    return said


def test_what_is_wrong_is_never_proved(model: nn.Module, x: Tensor, y: Tensor) -> None:
    certificate = certify(model, x, y, eps=0.0)
    assert not certificate.proved[::5].any() and certificate.proved.sum() == 24
    assert certificate.share == pytest.approx(0.8)
    assert (certificate.margins[::5].scatter(1, y[::5, None], -torch.inf) == -torch.inf).all()


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_batches_change_nothing(model: nn.Module, x: Tensor, y: Tensor, batch_size: int) -> None:
    one, other = certify(model, x, y, eps=0.02), certify(model, x, y, eps=0.02, batch_size=batch_size)
    assert torch.equal(one.proved, other.proved) and one.by == other.by
    assert torch.allclose(one.margins, other.margins)


def test_each_proof_is_by_the_cheapest_method_that_finds_it(model: nn.Module, x: Tensor, y: Tensor) -> None:
    certificate = certify(model, x, y, eps=0.02)
    by_interval = (interval(model, x, y, "linf", 0.02) > 0).all(1)
    by_crown = (crown(model, x, y, "linf", 0.02) > 0).all(1)
    assert [name == "interval" for name in certificate.by] == by_interval.tolist()
    assert torch.equal(certificate.proved, by_crown)
    assert certify(model, x, y, eps=0.02, method="interval").proved.tolist() == by_interval.tolist()


def test_images_that_are_left_out_are_not_tried(model: nn.Module, x: Tensor, y: Tensor) -> None:
    only = torch.arange(30) < 10
    certificate = certify(model, x, y, eps=0.001, only=only)
    assert certificate.proved[:10].any() and not certificate.proved[10:].any()


def test_stored_images_are_taken_as_they_are(model: nn.Module, x: Tensor, y: Tensor) -> None:
    stored = (x * 255).round().to(torch.uint8)
    one, other = certify(model, stored, y, eps=0.02), certify(model, stored.float() / 255, y, eps=0.02)
    assert torch.equal(one.margins, other.margins)


def test_progress_is_told(model: nn.Module, x: Tensor, y: Tensor) -> None:
    told: list[tuple[str, int, int]] = []
    certify(model, x, y, eps=0.02, batch_size=20, progress=lambda *said: told.append(said))
    assert told == [("certify", 20, 30), ("certify", 30, 30)]


def test_little_memory_gives_the_same(model: nn.Module, x: Tensor, y: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    whole = crown(model, x, y, "linf", 0.02)
    monkeypatch.setattr(sys.modules["blackthorn.bounds.crown"], "_MEMORY", 1)
    assert torch.allclose(crown(model, x, y, "linf", 0.02), whole)


def test_an_unknown_method_is_refused(model: nn.Module, x: Tensor, y: Tensor) -> None:
    with pytest.raises(AttackError, match="write interval, crown-ibp, crown"):
        certify(model, x, y, eps=0.1, method="magic")
