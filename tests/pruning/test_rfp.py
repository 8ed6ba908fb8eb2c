"""RFP: a two-filter network by hand, per-example autograd, and what the criterion is handed."""

import copy
import math
import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn import models
from blackthorn.attacks import FGSM, PGD, AttackWarning
from blackthorn.errors import AttackError, PruningError
from blackthorn.pruning import RFP, Magnitude, Pruning, masks_for, prune, shrink
from blackthorn.pruning.criteria.filter_gradients import filter_gradients
from blackthorn.pruning.layers import filter_weights
from blackthorn.stages import Prune, RobustImages

from ..channels.networks import Exotic, Tied, images, lively
from .test_activated_value import CONVOLUTIONS

LN3 = math.log(3)
STILL = FGSM(eps=0)


def two_filters() -> nn.Module:
    """Pixel p becomes 1 p and 2 p, and the logits ln3 p and 3 ln3 p: class 1 leads by 2 ln3 p, so that at p = 0.5 its
    probability is 3/4.
    """
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.Flatten(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, 2.0]).view(2, 1, 1, 1))
        model[2].weight.copy_(torch.tensor([[LN3, 0.0], [0.0, 1.5 * LN3]]))
    return model


# FGSM of 1/4 takes both pixels to 0.5: the first of class 0 up, the second of class 1 down. At the logits the gradients
# are then (-3/4, 3/4) and (1/4, -1/4); at what the filters put out ln3 (-3/4, 9/8) and ln3 (1/4, -3/8); by their
# weights half of that, since both read p = 0.5.
PIXELS, LABELS = torch.tensor([0.25, 0.75]).view(2, 1, 1, 1), torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("gradient", "norm", "of_the_first"),
    [
        ("mean", "l2", (3 / 4 - 1 / 4) / 2 / 2),
        ("mean", "l1", (3 / 4 - 1 / 4) / 2 / 2),
        ("each_image", "l2", (3 / 4 + 1 / 4) / 2),
        ("each_image", "l1", (3 / 4 + 1 / 4) / 2),
        ("output", "l2", math.hypot(3 / 4, 1 / 4) / 2),
        ("output", "l1", (3 / 4 + 1 / 4) / 2),
    ],
)
def test_scores_of_two_filters_by_hand(gradient: Any, norm: Any, of_the_first: float) -> None:
    scores = RFP(gradient=gradient, norm=norm, attack=FGSM(eps=0.25))(two_filters(), PIXELS, LABELS)
    wanted = -LN3 * of_the_first * torch.tensor([1.0, 1.5])  # the second filter counts one and a half times as much
    torch.testing.assert_close(scores, {"0.weight": wanted})


def test_the_filter_with_the_largest_gradient_goes_and_at_the_other_end_the_one_with_the_smallest() -> None:
    for largest, kept in ((False, [True, False]), (True, [False, True])):
        pruning = Pruning(criterion=RFP(attack=FGSM(eps=0.25)), sparsity=0.5, largest=largest)
        assert masks_for(two_filters(), pruning, x=PIXELS, y=LABELS)["0.weight"].flatten().tolist() == kept


def slow_norms(model: nn.Module, names: dict[str, int], x: Tensor, y: Tensor, order: int) -> dict[str, Tensor]:
    """Eq. 3's sum, slow and obvious: a backward pass for each image, and a norm for each filter."""
    sums = {name: x.new_zeros(model.get_parameter(name).shape[axis]) for name, axis in names.items()}
    for image, label in zip(x, y):
        model.zero_grad()
        F.cross_entropy(model(image[None]), label[None]).backward()
        for name, axis in names.items():
            for filter_ in range(len(sums[name])):
                gradient = model.get_parameter(name).grad.select(axis, filter_)
                sums[name][filter_] += torch.linalg.vector_norm(gradient, order)
    return sums


@pytest.mark.filterwarnings("ignore:Using padding='same' with even")
@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("conv", [*CONVOLUTIONS, nn.Conv2d(2, 40, 3, stride=4)], ids=str)
def test_the_sum_over_images_is_that_of_autograd_image_by_image(conv: nn.Conv2d, norm: Any) -> None:
    torch.manual_seed(0)
    x, y = torch.rand(5, conv.in_channels, 7, 9), torch.arange(5)
    model = nn.Sequential(copy.deepcopy(conv), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(6))
    model(x)
    scores = RFP(gradient="each_image", norm=norm, attack=STILL)(model, x, y)
    slow = slow_norms(model, {"0.weight": 0}, x, y, 1 if norm == "l1" else 2)
    torch.testing.assert_close(scores["0.weight"], -slow["0.weight"])


@pytest.mark.parametrize(("norm", "order"), [("l1", 1), ("l2", 2)])
@pytest.mark.parametrize(
    ("build", "side"),
    [
        (Tied, 16),
        (lambda: models.resnet18(10, width=2), 16),
        (lambda: models.mlp(10, in_channels=3, image_size=8, hidden=(7, 5)), 8),
    ],
    ids=["tied", "residual", "linear"],
)
def test_it_is_autograd_image_by_image_in_whole_networks_too(build: Any, side: int, norm: str, order: int) -> None:
    torch.manual_seed(0)
    model, x, y = lively(build()).eval().double(), torch.rand(4, 3, side, side).double(), torch.arange(4)
    weights = filter_weights(model, linear=True)
    found = filter_gradients(model, weights, {}, x, y, gradient="each_image", order=order)
    slow = slow_norms(model, dict.fromkeys(weights, 0), x, y, order)
    torch.testing.assert_close(found, slow)


def test_batches_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = lively(models.resnet18(10, width=2)).double().eval()
    x, y = torch.rand(7, 3, 16, 16).double(), torch.arange(7)
    for gradient in ("mean", "each_image", "output"):
        options: Any = {"gradient": gradient, "order": 2}
        whole = filter_gradients(model, filter_weights(model), {}, x, y, **options)
        with monkeypatch.context() as smaller:
            smaller.setattr("blackthorn.pruning.criteria.filter_gradients._BATCH", 3)
            parts = filter_gradients(model, filter_weights(model), {}, x, y, **options)
        torch.testing.assert_close(parts, whole)


def test_every_image_is_attacked_all_the_way_also_those_that_are_wrong_already() -> None:
    model = two_filters()
    labels = torch.tensor([0, 0])  # class 1 leads at every pixel, so both are wrong before any attack
    attack = PGD(norm="l2", eps=0.25, steps=5)
    scores = RFP(attack=attack)(model, PIXELS, labels)
    moved = RFP(attack=STILL)(model, PIXELS + 0.25, labels)
    torch.testing.assert_close(scores, moved)


def test_the_first_images_of_each_class_are_used() -> None:
    torch.manual_seed(0)
    model, x = lively(models.resnet18(3, width=2, image_size=8)), torch.rand(9, 3, 8, 8)
    y = torch.tensor([2, 2, 0, 2, 1, 0, 0, 1, 2])
    few, chosen = RFP(per_class=2)(model, x, y), torch.tensor([0, 1, 2, 4, 5, 7])
    same = RFP()(model, x[chosen], y[chosen])
    assert all(torch.equal(few[name], same[name]) for name in few)


def test_stored_pixels_are_scored_as_fractions() -> None:
    model = lively(models.resnet18(3, width=2, image_size=8))
    x, y = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8), torch.tensor([0, 1, 2, 0])
    stored, read = RFP()(model, x, y), RFP()(model, x / 255, y)
    assert all(torch.equal(stored[name], read[name]) for name in read)


@pytest.mark.parametrize("coupled", [False, True])
def test_a_residual_network_pruned_by_it_shrinks_to_what_it_computes(coupled: bool) -> None:
    torch.manual_seed(0)
    model, x, y = lively(models.resnet18(10, width=4)), torch.rand(10, 3, 32, 32), torch.arange(10)
    before = sum(parameter.numel() for parameter in model.parameters())
    masks = prune(model, RFP(attack=STILL), sparsity=0.5, scope="per_layer", coupled=coupled, x=x, y=y)
    small = shrink(model, masks, example=x[:1])
    torch.testing.assert_close(small(x), model(x), rtol=0, atol=1e-4)
    assert sum(parameter.numel() for parameter in small.parameters()) < (0.3 if coupled else 0.6) * before


def test_only_the_inside_of_residual_blocks_can_be_asked_for() -> None:
    torch.manual_seed(0)
    model, x, y = models.resnet18(10, width=4), torch.rand(10, 3, 32, 32), torch.arange(10)
    inside = Pruning(criterion=RFP(attack=STILL), sparsity=0.5, scope="per_layer", layers=("stages.*.conv1",))
    masks = masks_for(model, inside, x=x, y=y)
    convolutions = [name for name, mask in masks.items() if mask.dim() == 4]
    assert len(convolutions) == 8 and all(name.startswith("stages.") and "conv1" in name for name in convolutions)


def test_hooks_modes_and_gradients_are_left_as_they_were() -> None:
    model = lively(models.vgg16(4, width=2)).train()
    model.norm1.eval()
    model.conv2.weight.requires_grad_(False)
    before = [(module.training, len(module._forward_hooks)) for module in model.modules()]
    for gradient in ("mean", "each_image", "output"):
        scores = RFP(gradient=gradient, attack=STILL)(model, torch.rand(4, 3, 32, 32), torch.arange(4))
        assert (scores["conv2.weight"] < 0).any()  # frozen, and scored all the same
    assert [(module.training, len(module._forward_hooks)) for module in model.modules()] == before
    assert not model.conv2.weight.requires_grad and all(one.grad is None for one in model.parameters())


@pytest.mark.parametrize("given", [{}, {"x": PIXELS}, {"x": PIXELS[:0], "y": LABELS[:0]}])
def test_without_images_and_labels_it_says_what_it_needs(given: dict[str, Tensor]) -> None:
    with pytest.raises(PruningError, match="rfp needs images and their labels"):
        prune(two_filters(), RFP(), sparsity=0.5, **given)


def test_images_that_are_no_pixels_are_refused() -> None:
    with pytest.raises(AttackError, match=r"\[0, 1\]"):
        RFP()(two_filters(), PIXELS * 5, LABELS)


def test_a_targeted_attack_is_refused() -> None:
    with pytest.raises(ValueError, match="remove targeted: true"):
        RFP(attack=FGSM(eps=0.1, targeted=True))


def test_a_layer_that_is_no_part_of_the_loss_is_left_whole_and_named() -> None:
    with pytest.warns(UserWarning, match=r"left whole and out of the ranking: .*'attention.out_proj'"):
        scores = RFP(gradient="output", attack=STILL, include_linear=True)(
            lively(Exotic()), images(), torch.zeros(len(images()), dtype=torch.long)
        )
    assert "attention.out_proj.weight" not in scores and scores


class Folded(nn.Module):
    """Looks at the halves of an image one by one, as if they were images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 2)
        self.out = nn.Linear(24, 2)

    def forward(self, x: Tensor) -> Tensor:
        halves = torch.cat(x.chunk(2, 3))
        made = torch.cat(self.conv(halves).flatten(1).chunk(2), 1)
        logits: Tensor = self.out(made)
        return logits


@pytest.mark.parametrize(
    ("model", "side", "says"),
    [
        (Folded(), (3, 6), "'conv' sees 4 inputs for 2 images"),
        (
            nn.Sequential(nn.ConvTranspose2d(1, 2, 2), nn.Flatten(), nn.Linear(24, 2)),
            (2, 3),
            "'0' is a ConvTranspose2d,",
        ),
    ],
)
def test_where_no_image_has_a_gradient_of_its_own_it_says_what_to_write(model: nn.Module, side: Any, says: str) -> None:
    x, y = torch.rand(2, 1, *side), torch.tensor([0, 1])
    with pytest.raises(PruningError, match=rf"{says}.* write gradient: mean"):
        RFP(gradient="each_image", attack=STILL)(model, x, y)
    with warnings.catch_warnings():
        assert all((score <= 0).all() for score in RFP(attack=STILL)(model, x, y).values())


def test_where_the_network_is_sure_naive_cross_entropy_gives_other_scores_and_so_the_revision_is_higher() -> None:
    """From a lead of 16.6 on softmax is exactly 1, and the naive gradient has lost the true class."""
    torch.manual_seed(0)
    model = models.mlp(num_classes=4, image_size=8, hidden=[16])
    with torch.no_grad():
        model[-1].weight *= 4000
    x = torch.rand(64, 1, 8, 8)
    with torch.no_grad():
        y = model(x).argmax(1)
    exact, naive = (
        RFP(attack=PGD(eps=0.1, steps=4, arithmetic=how), include_linear=True) for how in ("exact", "naive")
    )
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        scores = [one(model, x, y) for one in (exact, naive)]
    assert any(not torch.equal(scores[0][name], scores[1][name]) for name in scores[0])
    assert (exact.revision, naive.revision) == (2, 1)
    assert Prune(criterion=exact, sparsity=0.5).revision == 2 and Prune(criterion=naive, sparsity=0.5).revision == 1
    also = Prune(criterion=Magnitude(), sparsity=0.5, also=(Pruning(criterion=exact, sparsity=0.5),))
    assert also.revision == 2 and RobustImages(of="dense").revision == 2
