"""Labels, whoever gives them and in whatever form."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from blackthorn.errors import ModelError
from blackthorn.models import answers
from blackthorn.models.answers import with_tensors

SCORES = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.2, 0.5], [0.0, -1.0, 3.0]])  # a tie goes to the lower class


@pytest.mark.parametrize(
    "said",
    [
        SCORES,
        SCORES.double(),
        SCORES.half(),
        SCORES.numpy(),
        torch.tensor([1, 0, 2]),
        torch.tensor([1, 0, 2], dtype=torch.uint8),
        np.array([1, 0, 2], dtype=np.int32),
        [1, 0, 2],
    ],
    ids=lambda said: f"{type(said).__name__} {getattr(said, 'dtype', '')} {getattr(said, 'ndim', '')}",
)
def test_labels_and_scores_of_torch_and_numpy_are_the_same_answer(said: object) -> None:
    labels = answers(lambda x: said, torch.rand(3, 1, 2, 2))
    assert labels.tolist() == [1, 0, 2] and labels.dtype == torch.int64


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (torch.tensor([0.1, 0.9, 0.5]), r"torch.float32 \(3,\); labels are integers \(3,\)"),
        (torch.tensor([True, False, True]), r"torch.bool \(3,\)"),
        (torch.tensor([1, 2]), r"3 images with torch.int64 \(2,\)"),
        (torch.tensor(1), r"torch.int64 \(\)"),
        (torch.rand(2, 3), r"torch.float32 \(2, 3\)"),
        (torch.ones(3, 3, dtype=torch.int64), r"torch.int64 \(3, 3\)"),
        (torch.full((3, 2), float("nan")), "not finite for 3 of 3 images"),
    ],
)
def test_what_is_no_answer_is_refused(said: Tensor, read: str) -> None:
    with pytest.raises(ModelError, match=read):
        answers(lambda x: said, torch.rand(3, 1, 2, 2))


def test_images_are_asked_about_in_batches_and_in_order() -> None:
    asked: list[int] = []

    def brightness(x: Tensor) -> Tensor:
        asked.append(len(x))
        return x[:, 0, 0, 0].long()

    x = torch.arange(7.0).view(7, 1, 1, 1)
    assert answers(brightness, x, batch_size=3).tolist() == list(range(7)) and asked == [3, 3, 1]


def test_a_network_is_asked_in_eval_mode_without_gradients_and_in_float32() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(4, 3))
    seen: list[tuple[bool, bool, torch.dtype]] = []
    model.register_forward_hook(
        lambda module, given, logits: seen.append((module.training, logits.requires_grad, logits.dtype))
    )
    with torch.autocast("cpu", torch.bfloat16):
        answers(model, torch.rand(2, 1, 2, 2))
    assert seen == [(False, False, torch.float32)]
    assert model.training and model[1].training


def test_a_function_is_given_arrays_where_the_images_are_arrays() -> None:
    given: list[tuple[type, str]] = []

    def clever(images: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        given.append((type(images), str(images.dtype)))
        return images.reshape(len(images), -1).argmax(1)

    predict, x = with_tensors(clever, np.eye(4).reshape(4, 1, 2, 2))
    assert isinstance(x, Tensor) and answers(predict, x).tolist() == [0, 1, 2, 3]
    assert given == [(np.ndarray, "float32")]
