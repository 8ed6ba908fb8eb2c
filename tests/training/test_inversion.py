"""Inverting features: closed forms on linear networks, a slow obvious loop, and what must not matter."""

import copy
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.data import pixels
from blackthorn.errors import DataError, ModelError
from blackthorn.training import Inversion

from .networks import images, same_bits, small

HADAMARD = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2  # a rotation
TWO = torch.stack([torch.full((1, 2, 2), 0.1), torch.full((1, 2, 2), 0.6)])  # at a distance of 1 from each other


class Linear(nn.Module):
    """Features W x, then a head."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.fc, self.out = nn.Linear(weight.shape[1], len(weight), bias=False), nn.Linear(len(weight), 3)
        self.fc.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.fc(x.flatten(1)))


@pytest.mark.parametrize(("steps", "left"), [(1, 0.9), (5, 0.5), (10, 0.0)])
def test_on_a_rotation_every_step_goes_straight_to_the_image(steps: int, left: float) -> None:
    made = Inversion(steps=steps, step_size=0.1)(Linear(HADAMARD), TWO, precision="float32")
    assert torch.allclose(made.x, TWO + left * (TWO.flip(0) - TWO), atol=1e-6)
    lengths = TWO.flatten(1).norm(dim=1)  # a rotation leaves them alone
    assert torch.allclose(made.before, 1 / lengths) and torch.allclose(made.distance, left / lengths, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["image", "noise"])
def test_features_that_determine_the_image_give_it_back(start: str) -> None:
    torch.manual_seed(0)
    weight = torch.linalg.qr(torch.randn(16, 16))[0] * torch.linspace(0.5, 2, 16)[:, None]
    x = torch.rand(5, 1, 4, 4)
    inversion = Inversion(steps=3000, step_size=0.1, final_step_size=1e-5, start=start)  # type: ignore[arg-type]
    made = inversion(Linear(weight), x, precision="float32")
    assert float(made.distance.max()) < 1e-4 < 0.1 < float(made.before.min())
    assert torch.allclose(made.x, x, atol=1e-3)


def test_what_the_network_does_not_look_at_stays_as_it_was_at_the_start() -> None:
    torch.manual_seed(0)
    x = 0.3 + 0.4 * torch.rand(6, 1, 2, 2)  # so far inside the box that nothing is clipped
    inversion = Inversion(steps=400, step_size=0.05, final_step_size=1e-5)
    made = inversion(Linear(HADAMARD[:2]), x, precision="float32")
    started = torch.stack([inversion.start_of(x, row) for row in range(6)])
    seen, unseen = HADAMARD[:2], HADAMARD[2:]
    assert torch.allclose(made.x.flatten(1) @ seen.T, x.flatten(1) @ seen.T, atol=1e-3)
    assert torch.allclose(made.x.flatten(1) @ unseen.T, started.flatten(1) @ unseen.T, atol=1e-5)


def plain_loop(model: nn.Sequential, x: Tensor, z: Tensor, steps: list[float]) -> Tensor:
    """Image by image, with the whole gradient written out; `model` ends with a linear layer."""
    body, made = model[:-1].eval(), []
    for image, started in zip(x, z):
        aim = body(image[None]).detach()
        at = started[None].clone()
        for length in steps:
            at.requires_grad_()
            (g,) = torch.autograd.grad((body(at) - aim).norm() / aim.norm(), at)
            at = (at.detach() - length * g / (g.norm() + 1e-10)).clamp(0, 1)
        made.append(at[0])
    return torch.stack(made)


@pytest.mark.parametrize(("final", "lengths"), [(None, [0.2] * 5), (0.04, [0.2, 0.16, 0.12, 0.08, 0.04])])
def test_the_steps_are_those_of_a_plain_loop(final: float | None, lengths: list[float]) -> None:
    model, x = small(), pixels(images().x[:7])
    inversion = Inversion(steps=5, step_size=0.2, final_step_size=final, fake_relu=False)
    started = torch.stack([inversion.start_of(x, row, seed=3) for row in range(7)])
    made = inversion(model, x, seed=3, precision="float32")
    assert torch.allclose(made.x, plain_loop(copy.deepcopy(model), x, started, lengths), atol=1e-5)


@pytest.mark.parametrize("start", ["image", "noise"])
def test_any_batch_size_and_any_part_give_the_same_images(start: str) -> None:
    model, x = small(), images().x[:12]
    inversion = Inversion(steps=6, step_size=0.2, start=start)  # type: ignore[arg-type]
    whole = inversion(model, x, seed=1, precision="float32")
    for batch_size in (1, 5):
        assert torch.allclose(
            inversion(model, x, seed=1, batch_size=batch_size, precision="float32").x, whole.x, atol=1e-5
        )
    part = inversion(model, x, rows=slice(4, 9), seed=1, batch_size=2, precision="float32")
    assert torch.allclose(part.x, whole.x[4:9], atol=1e-5)
    assert torch.allclose(part.distance, whole.distance[4:9], atol=1e-5)


def test_an_image_starts_at_another_one_whatever_its_label() -> None:
    x = (torch.arange(100) / 100)[:, None, None, None].expand(100, 1, 2, 2)
    starts = [round(float(Inversion().start_of(x, row)[0, 0, 0]) * 100) for row in range(100)]
    assert all(start != row for row, start in enumerate(starts)) and len(set(starts)) > 50
    again = [round(float(Inversion().start_of(x, row, seed=1)[0, 0, 0]) * 100) for row in range(100)]
    assert sum(one == other for one, other in zip(starts, again)) < 10


def test_noise_starts_at_grey() -> None:
    drawn = Inversion(start="noise").start_of(torch.zeros(2, 3, 32, 32), 1)
    assert abs(float(drawn.mean()) - 0.5) < 0.005 and abs(float(drawn.std()) - 0.05) < 0.005


def test_images_with_the_features_of_others_are_taken_for_them() -> None:
    torch.manual_seed(0)
    model, x = small(), pixels(images().x[:20])
    made = Inversion(steps=200, step_size=0.1, final_step_size=0.005)(model, x, precision="float32")
    model.eval()
    assert float((made.distance / made.before).median()) < 0.2
    assert torch.equal(model(made.x).argmax(1), model(x).argmax(1))


def test_a_fake_relu_brings_dead_features_back() -> None:
    class Dead(nn.Module):
        """One feature, zero at every image where its pixel is below 1/2."""

        def __init__(self) -> None:
            super().__init__()
            self.fc, self.out = nn.Linear(1, 1), nn.Linear(1, 2)
            with torch.no_grad():
                self.fc.weight.fill_(1)
                self.fc.bias.fill_(-0.5)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(F.relu(self.fc(x.flatten(1))))

    x = torch.tensor([1.0, 0.25]).reshape(2, 1, 1, 1)
    found = {
        fake: Inversion(steps=12, step_size=1 / 16, fake_relu=fake)(Dead(), x, precision="float32").x.flatten().tolist()
        for fake in (False, True)
    }
    assert found == {False: [0.25, 0.5], True: [1.0, 0.5]}  # the second only has to go down as far as zero


def test_the_network_and_the_generator_are_left_as_they_were() -> None:
    model, x = small(), images().x[:4]
    before, state = copy.deepcopy(model), torch.get_rng_state()
    Inversion(steps=2)(model, x)
    assert same_bits(model, before) and model.training and torch.equal(torch.get_rng_state(), state)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_progress_goes_up_to_all_steps_of_all_images() -> None:
    heard: list[tuple[str, int, int]] = []
    Inversion(steps=3)(small(), images().x[:5], batch_size=2, progress=lambda *said: heard.append(said))
    assert heard[-1] == ("invert, step 3 of 3", 15, 15) and all(one[1] < other[1] for one, other in pairwise(heard))


def test_bad_input_is_one_line() -> None:
    x = images().x
    with pytest.raises(DataError, match="one image has no other to start at"):
        Inversion(steps=1)(small(), x[:1])
    with pytest.raises(ModelError, match="has no penultimate layer"):
        Inversion(steps=1)(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), x)
    with pytest.raises(DataError, match=r"must be in \[0, 1\]"):
        Inversion(steps=1)(small(), x.float())
