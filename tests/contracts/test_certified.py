"""A proof is never contradicted: on every network of ours, no attack fools an image that is proved to stand."""

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from blackthorn import models
from blackthorn.attacks import PGD
from blackthorn.data import load_data
from blackthorn.errors import ModelError
from blackthorn.measuring import Accuracy, Certified, Subject
from blackthorn.objectives import CrossEntropy, IntervalBound
from blackthorn.results import CertifiedRecord
from blackthorn.training import Adam, fit

N = 20
NETWORKS = {
    "mlp": lambda: models.mlp(hidden=(24, 16), image_size=8),
    "parana_cnn": lambda: models.parana_cnn(channels=(3, 3, 4, 4), hidden=(16,), image_size=8),
    "parana_cnn, normalised": lambda: models.parana_cnn(
        channels=(3, 3, 3, 3), hidden=(16,), image_size=8, mean=[0.3], std=[0.3]
    ),
    "lenet5_caffe": lambda: models.lenet5_caffe(image_size=16),
    "wang_cnn": lambda: models.wang_cnn(channels=(4, 6, 6)),
    "wide_resnet": lambda: models.wide_resnet(depth=10, widen=1, in_channels=1, image_size=16),
}
SIDES = {"lenet5_caffe": 16, "wang_cnn": 28, "wide_resnet": 16}


@cache
def trained(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    splits = load_data("digits", resize=SIDES.get(name, 8), train=400, test=60)
    torch.manual_seed(0)
    model: nn.Module = NETWORKS[name]()
    adam = Adam(lr=2e-3)
    fit(model, splits.train, CrossEntropy(), epochs=4, batch_size=32, optimizer=adam, stop_at_chance=False)
    if name == "mlp":  # trained for proofs too, so that they are many
        objective = IntervalBound(eps=0.01)
        fit(model, splits.train, objective, epochs=4, batch_size=32, optimizer=adam, stop_at_chance=False)
    return model.eval(), splits.test.x[:N], splits.test.y[:N]


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.001), ("linf", 0.01), ("l2", 0.05)])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_attack_fools_what_is_proved(name: str, norm: str, eps: float) -> None:
    model, x, y = trained(name)
    method = "interval" if name == "wide_resnet" else "crown" if name in ("mlp", "wang_cnn") else "crown-ibp"
    x, y = (x[:5], y[:5]) if name == "wide_resnet" else (x, y)
    proved = Certified(eps=eps, norm=norm, method=method).measure(Subject(model, x, y))
    attacked = Accuracy(attack=PGD(eps=eps, norm=norm, steps=40, restarts=2, loss="margin"))(model, x, y)
    (record,) = proved.records
    assert isinstance(record, CertifiedRecord) and proved.flags is not None
    assert not (proved.flags & ~attacked.flags).any()
    assert record.value <= attacked.value and record.value == proved.flags.float().mean()
    assert sum(record.proved_by.values()) == record.value * record.n
    assert record.low <= record.value <= record.high


def test_training_for_proofs_gives_proofs() -> None:
    model, x, y = trained("mlp")
    (record,) = Certified(eps=0.02).measure(Subject(model, x, y)).records
    assert record.reading is not None and record.reading.value > 0.5


def test_at_radius_zero_what_is_right_is_proved() -> None:
    model, x, y = trained("mlp")
    found = Certified(eps=0.0, method="interval").measure(Subject(model, x, y))
    assert found.flags is not None and torch.equal(found.flags, Accuracy()(model, x, y).flags)


def test_fewer_images_are_spread_as_those_of_an_accuracy_are() -> None:
    model, x, y = trained("mlp")
    every = Certified(eps=0.01).measure(Subject(model, x, y)).flags
    few = Certified(eps=0.01, n_max=5).measure(Subject(model, x, y)).flags
    assert every is not None and few is not None
    assert torch.equal(few, every[Accuracy(n_max=5)(model, x, y).index])


def test_an_operation_without_bounds_is_named() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Softplus())
    with pytest.raises(ModelError, match="Softplus"):
        Certified(eps=0.1).measure(Subject(model, torch.rand(2, 1, 8, 8), torch.tensor([0, 1])))


@pytest.mark.parametrize("options", [{"eps": 8}, {"eps": 0.1, "norm": "l1"}, {"eps": 0.1, "method": "magic"}])
def test_what_cannot_be_bounded_is_refused_when_it_is_written(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"eps|norm|method"):
        Certified(**options)  # type: ignore[arg-type]  # on purpose
