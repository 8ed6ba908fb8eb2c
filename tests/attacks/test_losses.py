import math

import pytest
import torch

from blackthorn.attacks.losses import LOSSES, cross_entropy, margin, quadratic

LOGITS = torch.tensor([[1.0, 3.0, 0.0], [2.0, 2.5, -1.0]])
LABELS = torch.tensor([0, 1])


def test_cross_entropy_by_hand() -> None:
    first = -math.log(math.e / (math.e + math.e**3 + 1))
    assert cross_entropy(LOGITS, LABELS)[0].item() == pytest.approx(first, abs=1e-6)


def test_the_margin_is_the_lead_of_the_best_other_class() -> None:
    assert margin(LOGITS, LABELS).tolist() == [2.0, -0.5]


def test_the_quadratic_is_half_the_mean_square_over_classes() -> None:
    # ((1-1)^2 + 3^2 + 0) / 6 and (2^2 + 1.5^2 + 1) / 6
    assert quadratic(LOGITS, LABELS).tolist() == pytest.approx([1.5, 7.25 / 6])


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_computed_in_float32_whatever_the_logits_are(name: str) -> None:
    assert LOSSES[name](LOGITS.bfloat16(), LABELS).dtype == torch.float32  # type: ignore[index]
