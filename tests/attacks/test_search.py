"""The protocol of attacks: what a new one inherits, and what is refused before it can mean something else."""

from typing import ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD, Evading, Problem, ScaledGradient, Search, craft
from blackthorn.values import Count, Radius, ValidationError, value


@value
class Jump(Search):
    """A point of the ball, drawn; the smallest attack there can be."""

    kind: Literal["jump"] = "jump"
    eps: Radius
    restarts: Count = 1
    needs_gradients: ClassVar[bool] = False

    @property
    def draws(self) -> bool:
        return True

    def search(self, problem: Problem) -> Tensor:
        assert not problem.forward.training and not torch.is_grad_enabled()
        return problem.ball.start(problem.x)


def test_an_attack_that_is_options_and_a_search_is_called_and_crafted(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = Jump(eps=0.3, restarts=5)
    assert isinstance(attack, Search) and (attack.norm, attack.targeted, attack.name) == ("linf", False, "Jump")
    assert attack.reservations() == [] and attack.effort == 5 and attack.against("raw") is None
    x_adv = attack(trained, x, y)
    assert attack.ball.contains(x_adv, x, slack=1e-6).all() and (x_adv != x).any()
    crafted = craft(Jump(eps=0.9, restarts=5), trained, x, y)
    assert torch.equal(trained(crafted.x_adv).argmax(1) != y, crafted.fooled) and crafted.fooled.any()


def test_an_attack_without_gradients_leaves_the_network_its_own_and_is_not_sped_up(
    trained: nn.Module, x: Tensor, y: Tensor
) -> None:
    seen = []
    trained.register_forward_hook(lambda *_: seen.append(all(p.requires_grad for p in trained.parameters())))
    assert craft(Jump(eps=0.1), trained, x, y, precision="bf16").precision == "float32"
    assert all(seen)


def test_an_image_keeps_the_run_that_the_attack_thinks_most_of(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    torch.manual_seed(0)
    runs = [Jump(eps=0.3)(trained, x, y) for _ in range(4)]
    torch.manual_seed(0)
    best = Jump(eps=0.3, restarts=4)(trained, x, y)
    worth = torch.stack([Jump(eps=0.3).worth(trained(run), y) for run in [*runs, best]])
    assert torch.equal(worth[:4].amax(0), worth[4]) and (worth[4] > worth[0]).any()


def test_the_radius_is_checked_for_every_attack() -> None:
    with pytest.raises(ValidationError, match="write 8/255"):
        Jump(eps=8)


def test_effort_counts_gradients() -> None:
    efforts = [
        one.effort
        for one in (
            FGSM(eps=0.1),
            PGD(eps=0.1, steps=7, restarts=3),
            ScaledGradient(steps=9),
            Evading(eps=0.1, steps=5),
        )
    ]
    assert efforts == [1, 21, 9, 45]


def test_only_the_attack_that_knows_of_a_detector_turns_against_it() -> None:
    assert Evading(eps=0.1).against("softmax") == Evading(eps=0.1, outputs="softmax")
    assert PGD(eps=0.1).against("softmax") is None


def test_runs_that_would_repeat_one_another_are_left_out() -> None:
    assert Evading(eps=0.1).runs(classes=4) == 3 and Evading(eps=0.1).runs(classes=1000) == 9
    assert Evading(eps=0.1, targeted=True).runs(classes=10) == 1
    assert PGD(eps=0.1, restarts=5).runs(classes=4) == 5


@pytest.mark.parametrize("misspelt", ["targetted", "restart", "needs_gradient", "reservation", "norms"])
def test_a_misspelt_member_is_refused_when_the_class_is_made(misspelt: str) -> None:
    with pytest.raises(TypeError, match=rf"Wrong\.{misspelt} is asked for by nobody; did you mean '"):
        type("Wrong", (Search,), {"__annotations__": {"eps": float}, misspelt: True})
    with pytest.raises(TypeError, match="did you mean '"):
        type("Wrong", (Search,), {"__annotations__": {"eps": float, misspelt: bool}})


def test_an_attack_without_a_radius_or_without_a_search_is_refused() -> None:
    with pytest.raises(TypeError, match="Wrong has no radius; give it the option eps"):
        type("Wrong", (Search,), {})
    silent = type("Silent", (Search,), {"eps": 0.1})
    with pytest.raises(TypeError, match="abstract method"):
        silent()
