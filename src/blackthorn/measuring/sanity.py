"""Signs that a robust accuracy is the weakness of the attack and not the strength of the network.

The engine that crafts already warns of gradients that vanish and of steps that cannot cross the ball; here
are the checks that need attacks of their own, and whether the attack finds what was planted.

Reference: Carlini et al. 2019, On Evaluating Adversarial Robustness, sec. 4; Croce et al. 2021, RobustBench,
sec. 3 (the restrictions); the flags of AutoAttack (Croce & Hein 2020) and what they miss.
"""

import warnings

import torch
from torch import Tensor, nn

from ..attacks import PGD, AttackWarning, Crafted, Search, craft
from ..attacks.alarms import PROBABILITIES
from ..attacks.trials import are_probabilities
from ..models import eval_mode
from .images import evenly
from .planting import plant_and_seek
from .randomness import own_randomness

_GAP = 0.02  # of accuracy between losses: 4 of 200 images, above what random starts make
_PLANTED = 40  # images in which an example is planted
_RANDOM = 1e-4  # of the largest logit: AutoAttack's threshold for a randomised network


def sanity(model: nn.Module, x: Tensor, y: Tensor, attack: Search, *, n_max: int = 200) -> list[str]:
    """Reasons to distrust a robust accuracy measured with `attack`, one line each; empty when none was found.

    Args:
        model: pixels in [0, 1] to logits.
        x: images, uint8 or float32 in [0, 1], (images, channels, height, width).
        y: true labels, int64 (images,).
        attack: names the ball that is examined.
        n_max: how many of the images to examine, evenly spread.
    """
    index = evenly(len(x), n_max).to(x.device)
    x, y = x[index], y[index].to(x.device)
    x = x.float() / 255 if x.dtype == torch.uint8 else x.float()
    doubts = [
        *outputs_doubted(model, x),
        *losses_doubted(model, x, y, attack),
        *ball_doubted(model, x, y),
        *plant_and_seek(model, x, attack, n_max=_PLANTED).doubts(attack),
    ]
    return list(dict.fromkeys(doubts))


def outputs_doubted(model: nn.Module, x: Tensor) -> list[str]:
    """Outputs that are not logits, or that differ from one call to the next."""
    found = []
    with eval_mode(model), torch.no_grad(), own_randomness(x.device):
        first, second = model(x), model(x)
    if are_probabilities(first):
        found.append(PROBABILITIES)
    if bool((first - second).abs().max() > _RANDOM * first.abs().max()):
        found.append("two calls on the same images differ: one draw of a random network overestimates it")
    return found


def losses_doubted(model: nn.Module, x: Tensor, y: Tensor, attack: Search) -> list[str]:
    """Cross-entropy that leaves images standing which the margin loss fools in the same ball."""
    by_ce = _quietly(PGD(norm=attack.norm, eps=attack.eps, steps=20, loss="ce", arithmetic="naive"), model, x, y)
    by_margin = _quietly(PGD(norm=attack.norm, eps=attack.eps, steps=20, loss="margin"), model, x, y)
    found = list(by_ce.warnings)
    gap = by_ce.robust_accuracy - by_margin.robust_accuracy
    if gap > _GAP:
        found.append(
            f"cross-entropy leaves {by_ce.robust_accuracy:.1%} of {len(x)} images standing, the margin loss "
            f"{by_margin.robust_accuracy:.1%} in the same ball: write loss: margin"
        )
    return found


def ball_doubted(model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
    """Images that stand at a linf radius of 0.5, where they cannot.

    Every such ball holds the grey image, on which the network says one class: no more than the images of that
    class can truly stand, and whatever stands above that, the attack has failed to find.
    """
    with eval_mode(model), torch.no_grad():
        grey = int(model(torch.full_like(x[:1], 0.5)).argmax(1))
    bound = float((y == grey).float().mean())
    left = _quietly(PGD(eps=0.5, steps=40), model, x, y).robust_accuracy
    if left <= bound:
        return []
    return [
        f"{left:.1%} of the images stand at a radius of 0.5, but at most {bound:.1%} can, since every "
        "ball holds the grey image: the gradients mislead the attack"
    ]


def _quietly(attack: PGD, model: nn.Module, x: Tensor, y: Tensor) -> Crafted:
    """Craft from a fixed seed, leaving torch's generators alone; warnings are returned, not shown."""
    with warnings.catch_warnings(), own_randomness(x.device):
        warnings.simplefilter("ignore", AttackWarning)
        return craft(attack, model, x, y, precision="float32")
