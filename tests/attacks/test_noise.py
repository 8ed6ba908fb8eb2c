"""Universal noise: a step by hand, a slow obvious loop, a linear network whose best noise is known."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.attacks import AttackWarning, UniversalNoise, add_noise
from blackthorn.errors import AttackError
from blackthorn.values import ValidationError

from .networks import Linear

PLAIN: dict[str, Any] = {"precision": "float32", "batch_size": 96}


def gray(n: int = 96) -> Tensor:
    """Images around 0.5, which no noise of 0.2 takes out of [0, 1]."""
    return 0.3 + 0.4 * torch.rand(n, 1, 2, 2, generator=torch.Generator().manual_seed(0))


def slowly(model: nn.Module, x: Tensor, attack: UniversalNoise) -> Tensor:
    """The attack as a plain loop over all images at once."""
    search, noise = attack.search, torch.zeros(x.shape[1:], requires_grad=True)
    kind = torch.optim.SGD if search.optimizer == "sgd" else torch.optim.Adam
    optimizer = kind([noise], lr=search.lr)
    for _ in range(search.steps):
        outputs = model(torch.clamp(x + noise, 0, 1))
        goal = torch.full((len(x),), attack.target)
        if attack.loss == "ce":
            loss = -outputs.softmax(1)[:, attack.target].log().mean()
        else:
            loss = (outputs - F.one_hot(goal, outputs.shape[1])).square().sum() / (2 * outputs.numel())
        optimizer.zero_grad()
        (loss + search.penalty * (noise**2).sum() / 2).backward()
        optimizer.step()
        noise.data.clamp_(-attack.limit, attack.limit)
    return noise.detach()


def test_one_step_by_hand() -> None:
    # Logits are 0.5 * (3 - 4) = -0.5 and 0.5 * (1 + 2) = 1.5 at every image, so class 0 has probability
    # 1 / (1 + e^2) = 0.1192; -log p_1 falls fastest along w_1 - w_0 = (-2, 2, 0, 4): a step of 0.5 * 0.1192 of it.
    model = Linear(torch.tensor([[3.0, 0.0, 0.0, -4.0], [1.0, 2.0, 0.0, 0.0]]))
    noise = UniversalNoise(target=1, limit=0.2, steps=1, lr=0.5, **PLAIN)(model, torch.full((3, 1, 2, 2), 0.5))
    torch.testing.assert_close(noise.flatten(), torch.tensor([-0.1192, 0.1192, 0, 0.2]), atol=1e-4, rtol=0)


def test_on_a_linear_network_of_two_classes_every_pixel_goes_to_its_limit() -> None:
    model = Linear(torch.tensor([[1.0, -2.0, 0.5, 0.1], [-1.0, 1.0, 1.0, 0.3]]))
    noise = UniversalNoise(target=0, limit=0.2, steps=60, lr=5, **PLAIN)(model, gray())
    torch.testing.assert_close(noise, 0.2 * (model.weight[0] - model.weight[1]).detach().sign().view(1, 2, 2))


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 1.0},
        {"lr": 1.0, "loss": "quadratic"},
        {"preset": "hvass"},
        {"preset": "hvass", "penalty": 5.0},
        {"optimizer": "adam", "lr": 0.02},
    ],
    ids=str,
)
def test_it_is_the_plain_loop(trained: nn.Module, x: Tensor, options: dict[str, Any]) -> None:
    attack = UniversalNoise(target=2, limit=0.15, steps=12, **PLAIN, **options)
    torch.testing.assert_close(attack(trained, x), slowly(trained, x, attack), atol=1e-6, rtol=1e-4)


def test_presets_are_those_of_the_notebook_and_of_the_tutorial() -> None:
    assert UniversalNoise(target=0, limit=0.1).search == ("sgd", 0.1, 5000, 250, 0.0)
    assert UniversalNoise(target=0, limit=0.1, preset="hvass").search == ("adam", 0.01, 1000, 64, 0.02)
    assert UniversalNoise(target=0, limit=0.1, preset="hvass", steps=300, penalty=0).search == (
        "adam",
        0.01,
        300,
        64,
        0,
    )


def test_most_images_are_taken_for_the_target_and_none_were_before(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = UniversalNoise(target=1, limit=0.3, preset="hvass", steps=100, precision="float32")
    noise = attack(trained, x[:64])
    others = x[64:][y[64:] != 1]  # images that it has not seen
    before, after = (
        (trained(images).argmax(1) == 1).float().mean() for images in (others, attack.apply(noise, others))
    )
    assert before < 0.1 and after > 0.6
    drawn = 0.3 * torch.randn(x.shape[1:]).sign()
    assert (trained(add_noise(drawn, others)).argmax(1) == 1).float().mean() < after


def test_noise_stays_within_its_limit_and_labels_have_no_part_in_it(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = UniversalNoise(target=1, limit=0.1, steps=20, lr=1, batch_size=32, precision="float32")
    noise = attack(trained, x, y)
    assert noise.shape == x.shape[1:] and noise.abs().max() <= 0.1 and not noise.requires_grad
    assert torch.equal(noise, attack(trained, x)) and torch.equal(
        noise, attack(trained, (x * 255).round().byte() / 255)
    )


def test_the_seed_decides_the_order_of_images_and_torchs_generator_is_left_alone(trained: nn.Module, x: Tensor) -> None:
    attack = UniversalNoise(target=1, limit=0.1, steps=3, lr=1, batch_size=16, precision="float32")
    before = torch.get_rng_state()
    first, again, other = attack(trained, x, seed=1), attack(trained, x, seed=1), attack(trained, x, seed=2)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_every_image_is_seen_before_any_is_seen_again() -> None:
    class Counting(Linear):
        seen: list[Tensor]

        def forward(self, x: Tensor) -> Tensor:
            self.seen.append(x.detach()[:, 0, 0, 0].round(decimals=4))
            return super().forward(x)

    model = Counting(torch.zeros(2, 4))
    model.seen = []
    images = (torch.arange(10.0) / 10)[:, None, None, None].expand(10, 1, 2, 2)
    with pytest.warns(AttackWarning, match="barely moved"):
        UniversalNoise(target=0, limit=0.1, steps=5, batch_size=4, precision="float32")(model, images)
    batches = [seen for seen in model.seen if len(seen) == 4]
    assert torch.cat(batches).view(2, 10).sort(1).values.allclose(torch.arange(10.0) / 10)


def test_the_network_is_left_as_it_was(trained: nn.Module, x: Tensor) -> None:
    trained.train()
    before = copy.deepcopy(trained.state_dict())
    UniversalNoise(target=1, limit=0.1, steps=3, lr=1, **PLAIN)(trained, x)
    assert all(torch.equal(tensor, before[name]) for name, tensor in trained.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in trained.parameters())
    assert all(module.training for module in trained.modules())


def test_a_search_that_barely_moves_says_so_with_the_remedy(x: Tensor) -> None:
    model = Linear(torch.full((4, 64), 1e-4).cumsum(0))
    with pytest.warns(AttackWarning, match=r"after 5 steps the noise is 0\.0% of its limit .* take preset: hvass"):
        UniversalNoise(target=1, limit=0.25, steps=5, **PLAIN)(model, x)


def test_noise_is_added_and_clipped_unless_told_otherwise() -> None:
    x, noise = torch.tensor([[[[0.1, 0.9]]]]), torch.tensor([[[-0.2, 0.05]]])
    assert add_noise(noise, x).flatten().tolist() == pytest.approx([0, 0.95])
    assert add_noise(noise, x, clip=False).flatten().tolist() == pytest.approx([-0.1, 0.95])
    stored = torch.tensor([[[[51, 255]]]], dtype=torch.uint8)
    assert UniversalNoise(target=0, limit=0.2).apply(noise, stored).flatten().tolist() == pytest.approx([0, 1])
    off = UniversalNoise(target=0, limit=0.2, clip_eval=False)
    assert off.apply(noise, stored).flatten().tolist() == pytest.approx([0, 1.05])
    assert x.flatten().tolist() == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 8}, "write 8/255"),
        ({"target": -1}, "greater than or equal to 0"),
        ({"preset": "paranoid"}, "'parana' or 'hvass'"),
        ({"loss": "margin"}, "'ce' or 'quadratic'"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        UniversalNoise(**{"target": 0, "limit": 0.1, **options})


@pytest.mark.parametrize(
    ("images", "target", "words"),
    [
        (torch.zeros(0, 1, 8, 8), 0, "is made from images"),
        (torch.full((4, 1, 8, 8), 255.0), 0, r"pixels lie in \[255, 255\]; .* divide by 255"),
        (torch.zeros(4, 1, 8, 8), 4, "target is class 4, but the network has 4 logits"),
    ],
)
def test_what_it_cannot_work_with_is_one_line(trained: nn.Module, images: Tensor, target: int, words: str) -> None:
    with pytest.raises(AttackError, match=words):
        UniversalNoise(target=target, limit=0.1, steps=1)(trained, images)
