"""What people know from PyTorch works in `fit`, and does what it does there."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import blackthorn as bt
from blackthorn.auditing import _splits
from blackthorn.data import ImageSet, as_images, stripes
from blackthorn.errors import DataError, TrainingError
from blackthorn.objectives import CrossEntropy
from blackthorn.training import SGD, fit

IMAGES: ImageSet = stripes(train=80).train


def network() -> nn.Module:
    torch.manual_seed(0)
    channels, height, width = IMAGES.x.shape[1:]
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, len(IMAGES.classes)))


def trained(images: Any = IMAGES, objective: Any = None, **options: Any) -> Tensor:
    """The weights after two epochs."""
    model = network()
    options = {"epochs": 2, "stop_at_chance": False, "precision": "float32", **options}
    if callable(options.get("optimizer")):
        options["optimizer"] = options["optimizer"](model)
    fit(model, images, objective or CrossEntropy(), **options)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


class Pairs(Dataset[Any]):
    """As torchvision's data sets: PIL images, and names of classes."""

    classes = IMAGES.classes

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        from PIL import Image

        pixels = IMAGES.x[number].permute(1, 2, 0).numpy()
        return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), int(IMAGES.y[number])


@pytest.mark.parametrize(
    "images",
    [
        Pairs(),
        (IMAGES.x, IMAGES.y),
        TensorDataset(IMAGES.x, IMAGES.y),
        TensorDataset(IMAGES.x.float() / 255, IMAGES.y),
        DataLoader(TensorDataset(IMAGES.x, IMAGES.y), batch_size=16),
    ],
    ids=["pil", "tensors", "bytes", "floats", "loader"],
)
def test_images_of_any_form_train_as_an_image_set_does(images: Any) -> None:
    assert torch.allclose(trained(images, batch_size=16), trained(batch_size=16), atol=1e-6)


def test_the_batch_size_of_a_loader_is_taken_where_none_is_given() -> None:
    loader: DataLoader[Any] = DataLoader(TensorDataset(IMAGES.x, IMAGES.y), batch_size=7)
    assert torch.equal(trained(loader), trained(batch_size=7))
    assert torch.equal(trained(loader, batch_size=20), trained(batch_size=20))


def test_a_loss_of_torch_is_an_objective() -> None:
    assert torch.equal(trained(objective=nn.CrossEntropyLoss()), trained())
    assert torch.equal(trained(objective=F.cross_entropy), trained())
    smoothed = trained(objective=nn.CrossEntropyLoss(label_smoothing=0.3))
    model, optimizer = network(), None
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for epoch in range(2):  # the slow obvious loop
        for x, y in bt.data.batches(IMAGES, 128, seed=0, epoch=epoch):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y, label_smoothing=0.3).backward()
            optimizer.step()
    slow = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    assert torch.allclose(smoothed, slow, atol=1e-6) and not torch.allclose(smoothed, trained(), atol=1e-4)


def test_an_optimizer_of_torch_moves_the_network_as_ours_does() -> None:
    theirs = trained(optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9))
    model = network()
    fit(
        model,
        IMAGES,
        CrossEntropy(),
        epochs=2,
        optimizer=SGD(lr=0.05, momentum=0.9),
        stop_at_chance=False,
        precision="float32",
    )
    ours = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    assert torch.equal(theirs, ours)


def test_a_device_is_where_the_network_goes() -> None:
    assert torch.equal(trained(device="cpu"), trained())


def test_a_logger_hears_the_means_of_every_epoch() -> None:
    heard: list[tuple[int, dict[str, float]]] = []

    class Hears:
        def log_metrics(self, metrics: dict[str, float], step: int) -> None:
            heard.append((step, dict(metrics)))

    history = fit(network(), IMAGES, CrossEntropy(), epochs=3, stop_at_chance=False, logger=Hears())
    assert heard == [(number + 1, epoch) for number, epoch in enumerate(history)]


class Noisy(Pairs):
    def __getitem__(self, number: int) -> tuple[Any, int]:
        return torch.rand(1, 4, 4), 0


class Named(Pairs):
    def __getitem__(self, number: int) -> Any:
        return {"image": IMAGES.x[number], "label": 0}


class Worded(Pairs):
    def __getitem__(self, number: int) -> Any:
        return IMAGES.x[number], "cat"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Noisy(), r"another image each time; take random transforms out of it, and write augment="),
        (Named(), r"item 0 of Named is a dict; \(image, label\) is wanted"),
        (Worded(), "ends with a str; a class number is wanted"),
        (iter([]), "gives no images by number"),
    ],
)
def test_what_is_no_data_set_of_images_is_refused_in_one_line(given: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        as_images(given)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": nn.CrossEntropyLoss}, r"CrossEntropyLoss is a class; write CrossEntropyLoss\(\)"),
        ({"objective": "ce"}, r"write blackthorn.objectives.CrossEntropy\(\)"),
        ({"objective": nn.CrossEntropyLoss(reduction="none")}, r"write reduction='mean'"),
        ({"optimizer": lambda model: torch.optim.SGD}, r"write torch.optim.SGD\(model.parameters\(\)"),
        ({"optimizer": lambda model: "adam"}, r"write optimizer=blackthorn.training.Adam\(lr=1e-3\)"),
        ({"optimizer": lambda model: torch.optim.SGD(network().parameters(), 0.1)}, "parameters of another network"),
        (
            {"schedule": torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD(network().parameters(), 1), 9)},
            r"write blackthorn.training.Cosine\(\)",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line_with_the_equivalent(options: Any, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        trained(**options)


def test_a_measure_and_an_audit_take_a_data_set() -> None:
    model = network()
    measured = bt.measuring.Accuracy()(model, Pairs())
    assert torch.equal(measured.flags, bt.measuring.Accuracy()(model, IMAGES.x, IMAGES.y).flags)
    with pytest.raises(DataError, match="gives no images by number"):
        bt.measuring.Accuracy()(model, iter([]))  # type: ignore[arg-type]
    assert _splits(Pairs(), model).fingerprint == _splits((IMAGES.x, IMAGES.y), model).fingerprint
