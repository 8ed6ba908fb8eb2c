"""The substitute of Papernot et al.: what it asks, what it learns from, and what it becomes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from blackthorn.data import pixels, stripes
from blackthorn.errors import AttackError, DataError, ModelError
from blackthorn.training import Substitute
from blackthorn.training.substitute import augmented
from blackthorn.values import ValidationError

from ..attacks.networks import Linear
from .networks import same_bits

QUICK = Substitute(holdout=10, rounds=3, epochs=2, hidden=(8,))


def some(n: int = 20) -> tuple[Tensor, Tensor]:
    images = stripes(test=n).test
    return pixels(images.x), images.y


class Oracle:
    """Answers by a fixed linear rule, and remembers what it was asked."""

    def __init__(self, pixels: int = 64, classes: int = 4) -> None:
        self.weight = torch.randn(pixels, classes, generator=torch.Generator().manual_seed(0))
        self.asked: list[Tensor] = []

    def scores(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - 0.5) @ self.weight

    def __call__(self, x: Tensor) -> Tensor:
        self.asked.append(x)
        return self.scores(x).argmax(1)


def test_the_defaults_ask_4650_labels_and_end_with_4800_points() -> None:
    oracle, (x, y) = Oracle(), some(150)
    made = Substitute(epochs=1, hidden=(8,))(oracle, x, y, num_classes=4)
    assert (made.queries, made.holdout, len(made.images or ())) == (4650, 150, 4800)
    assert sum(map(len, oracle.asked)) == 4650 == Substitute().queries and Substitute().points == 4800
    assert [line["points"] for line in made.history] == [150, 300, 600, 1200, 2400, 4800]


def test_every_epoch_of_every_round_is_in_the_history() -> None:
    made = QUICK(Oracle(), *some(), num_classes=4)
    assert [(line["round"], line["points"]) for line in made.history] == [
        (0, 10), (0, 10), (1, 20), (1, 20), (2, 40), (2, 40),
    ]  # fmt: skip


def test_a_step_of_augmentation_follows_the_sign_of_the_logit_of_the_label() -> None:
    weight = torch.tensor([[1.0, -2.0, 0.0, 3.0], [-1.0, 1.0, 5.0, -0.5]])
    x, y = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.0, 1.0, 0.0, 1.0]]).view(2, 1, 2, 2), torch.tensor([0, 1])
    moved = augmented(Linear(weight), x, y, 0.1).flatten(1)
    by_hand = torch.tensor([[0.6, 0.4, 0.5, 0.6], [-0.1, 1.1, 0.1, 0.9]])  # not clipped
    assert torch.allclose(moved, by_hand)
    assert torch.allclose(augmented(Linear(weight), x, y, -0.1).flatten(1), 2 * x.flatten(1) - by_hand)


@pytest.mark.parametrize(
    ("lam", "flip_every", "signs"),
    [(0.1, 3, [1, 1, 1, -1, -1]), (-0.1, 3, [-1, -1, -1, 1, 1]), (0.1, 1, [1, -1, 1, -1, 1]), (0.1, 9, [1] * 5)],
)
def test_the_sign_of_the_step_changes_every_few_augmentations(lam: float, flip_every: int, signs: list[int]) -> None:
    # Without hidden layers and with a learning rate of nearly 0, the logit's gradient is the first weights, throughout.
    recipe = Substitute(holdout=4, lam=lam, flip_every=flip_every, hidden=(), epochs=1, lr=1e-12)
    x, y = some()
    made = recipe(lambda asked: torch.zeros(len(asked), dtype=torch.int64), x, torch.zeros_like(y), num_classes=4)
    assert made.images is not None
    towards = next(p for p in made.model.parameters() if p.dim() == 2)[0].sign()
    for number, sign in enumerate(signs):
        half = 4 * 2**number
        step = (made.images.x[half : 2 * half] - made.images.x[:half]).flatten(1)
        assert torch.allclose(step, 0.1 * sign * towards.expand_as(step), atol=1e-6)


def test_points_begin_with_the_attackers_images_and_true_labels_and_are_not_clipped() -> None:
    x, y = some()
    oracle = Oracle()
    made = QUICK(oracle, x, y, num_classes=4)
    assert made.images is not None
    assert torch.equal(made.images.x[:10], x[:10]) and torch.equal(made.images.y[:10], y[:10])
    new = made.images.x[10:]
    assert torch.equal(new, torch.cat(oracle.asked)) and torch.equal(made.images.y[10:], oracle.scores(new).argmax(1))
    assert new.min() < -0.05 and new.max() > 1.05


def test_only_the_label_is_looked_at() -> None:
    oracle, (x, y) = Oracle(), some()
    answers: list[Callable[[Tensor], object]] = [
        oracle,
        oracle.scores,
        lambda asked: (
            1e3 * oracle.scores(asked).sort(1).values.gather(1, oracle.scores(asked).argsort(1).argsort(1)) - 7
        ),
        lambda asked: oracle(asked).numpy(),
    ]
    by_label, *others = (QUICK(answer, x, y, num_classes=4).model for answer in answers)
    assert all(same_bits(by_label, other) for other in others)


def test_a_numpy_function_works_on_arrays() -> None:
    oracle, (x, y) = Oracle(), some()
    weight = oracle.weight.numpy()

    def clever(images: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.argmax((images.reshape(len(images), -1) - 0.5) @ weight, axis=1)

    made = QUICK(clever, x.numpy(), y.numpy(), num_classes=4)
    assert same_bits(made.model, QUICK(oracle, x, y, num_classes=4).model)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    x, y = some()
    first = QUICK(Oracle(), x, y, num_classes=4, seed=3)
    torch.rand(5)
    assert same_bits(first.model, QUICK(Oracle(), x, y, num_classes=4, seed=3).model)
    assert not same_bits(first.model, QUICK(Oracle(), x, y, num_classes=4, seed=4).model)


def test_torchs_generator_and_the_oracle_are_left_as_they_were() -> None:
    x, y = some()
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.BatchNorm1d(64), nn.Linear(64, 4))
    before, state = {name: t.clone() for name, t in network.state_dict().items()}, torch.get_rng_state()
    QUICK(network, x, y, num_classes=4)
    assert torch.equal(torch.get_rng_state(), state) and network.training
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


def test_a_linear_oracle_is_imitated_by_asking_and_not_by_the_first_images_alone() -> None:
    oracle, x = Oracle(), torch.rand(650, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    y = oracle.scores(x).argmax(1)

    def agreement(recipe: Substitute) -> float:
        made = recipe(oracle, x, y, num_classes=4)
        return (made.model(x[150:]).argmax(1) == y[150:]).float().mean().item()

    asking, silent = agreement(Substitute(hidden=(64,))), agreement(Substitute(rounds=1, epochs=60, hidden=(64,)))
    assert asking > 0.8 and silent < 0.6  # guessing gives 0.3


def test_progress_counts_the_steps_of_all_rounds() -> None:
    seen: list[tuple[str, int, int]] = []
    QUICK(Oracle(), *some(), num_classes=4, progress=lambda *news: seen.append(news))
    assert seen[-1] == ("substitute, round 3 of 3", 6, 6) and [done for _, done, _ in seen] == sorted(
        done for _, done, _ in seen
    )


def test_bytes_and_their_floats_make_the_same_substitute() -> None:
    images = stripes(test=20).test
    by_bytes = QUICK(Oracle(), images.x, images.y, num_classes=4)
    assert same_bits(by_bytes.model, QUICK(Oracle(), pixels(images.x), images.y, num_classes=4).model)


def test_what_cannot_be_is_refused() -> None:
    x, y = some()
    with pytest.raises(DataError, match="begins with 10 images, here are 9; write a smaller holdout"):
        QUICK(Oracle(), x[:9], y[:9], num_classes=4)
    with pytest.raises(AttackError, match="divide by 255"):
        QUICK(Oracle(), 255 * x, y, num_classes=4)
    with pytest.raises(DataError, match="labels: read 0 to 3; 3 classes"):
        QUICK(Oracle(), x, y, num_classes=3)
    with pytest.raises(ModelError, match=r"the oracle answers labels in \[7, 7\], but there are 4 classes"):
        QUICK(lambda asked: torch.full((len(asked),), 7), x, y, num_classes=4)
    with pytest.raises(ValidationError, match="a step of 0 makes no new points"):
        Substitute(lam=0)
