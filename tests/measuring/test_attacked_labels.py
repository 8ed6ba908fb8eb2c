"""Which labels a transfer attack drives images away from."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blackthorn.attacks import FGSM
from blackthorn.measuring import Accuracy
from blackthorn.measuring.sources import SourceNetwork
from blackthorn.values import ValidationError

EPS = 0.2


def networks() -> tuple[nn.Module, nn.Module]:
    """A source and a target, which agree often and not always."""
    torch.manual_seed(0)
    source, target = (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)) for _ in range(2))
    with torch.no_grad():
        target[1].weight.copy_(source[1].weight + 0.1 * torch.randn(3, 16))
    return source.eval(), target.eval()


@pytest.mark.parametrize("labels", ["true", "predicted"])
def test_images_are_driven_away_from_true_or_predicted_labels_and_judged_by_the_true_ones(labels: str) -> None:
    source, target = networks()
    x, y = torch.rand(200, 1, 4, 4), torch.randint(3, (200,))
    images = x.clone().requires_grad_()
    driven_from = y if labels == "true" else source(x).argmax(1)
    (gradient,) = torch.autograd.grad(F.cross_entropy(source(images), driven_from, reduction="sum"), images)
    by_hand = target((x + EPS * gradient.sign()).clamp(0, 1)).argmax(1) == y
    measured = Accuracy(attack=FGSM(eps=EPS), source=SourceNetwork(name="other"), labels=labels, precision="float32")(
        target, x, y, source=source
    )
    assert torch.equal(measured.flags, by_hand)


def test_true_labels_find_more_where_the_source_is_wrong() -> None:
    source, target = networks()
    x = torch.rand(500, 1, 4, 4)
    y = target(x).argmax(1)
    assert (source(x).argmax(1) != y).any()
    true, predicted = (
        Accuracy(attack=FGSM(eps=0.05), source=SourceNetwork(name="other"), labels=labels)(target, x, y, source=source)
        for labels in ("true", "predicted")
    )
    assert true.value < predicted.value


def test_predicted_labels_want_a_source() -> None:
    with pytest.raises(ValidationError, match="labels: those that a source predicts want a source"):
        Accuracy(attack=FGSM(eps=EPS), labels="predicted")
