import torch

from blackthorn.attacks.targets import classes_by_distance

from .networks import Linear


def test_classes_come_in_the_order_of_their_distance_and_not_of_their_logits() -> None:
    # From class 0 (logit 1): class 1 is 1 behind with slope 4 (distance 1/4), class 2 is 0.5 behind with slope 1 (1/2),
    # class 3 is 3 behind with l1 slope 10 (0.3) and l2 slope 10 / sqrt(2) (0.42).
    weight = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    bias = torch.tensor([1.0, 0.0, 0.5, -2.0])
    x, y = torch.zeros(1, 1, 1, 2), torch.tensor([0])
    assert classes_by_distance(Linear(weight, bias), x, y, "linf").tolist() == [[1, 3, 2]]
    assert classes_by_distance(Linear(weight, bias), x, y, "l2").tolist() == [[1, 3, 2]]


def test_only_the_highest_rivals_are_looked_at() -> None:
    weight = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    bias = torch.tensor([1.0, 0.0, 0.5, -2.0])
    found = classes_by_distance(Linear(weight, bias), torch.zeros(1, 1, 1, 2), torch.tensor([0]), "linf", rivals=2)
    assert found.tolist() == [[1, 2]]
