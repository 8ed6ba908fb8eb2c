"""Compressing a module that a program holds: what comes out is a bundle of it, and the program's module stays."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import blackthorn as bt
from blackthorn.data import Splits
from blackthorn.errors import BlackthornError
from blackthorn.measuring import parameters
from blackthorn.models import onnx_network
from blackthorn.objectives import CrossEntropy

pytestmark = pytest.mark.timeout(300)


class Held(nn.Module):
    """A network that no function builds."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(64, 32), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.inner(x.flatten(1)).relu())


@pytest.fixture
def splits() -> Splits:
    return bt.data.stripes(train=120, test=40, classes=3)


@pytest.fixture
def trained(splits: Splits) -> Held:
    torch.manual_seed(0)
    model = Held()
    bt.fit(model, splits.train, CrossEntropy(), epochs=4, batch_size=32)
    return model


@pytest.mark.slow
def test_a_module_is_cut_down_and_stays_as_it_was(
    tmp_path: Path, splits: Splits, trained: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_network, "available", lambda: False)  # ONNX files take most of the time
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    events: list[str] = []
    told = bt.compress(
        trained,
        splits,
        smaller=1.5,
        keep_accuracy=60,
        epochs=1,
        n_max=15,
        out=tmp_path / "out",
        store=tmp_path / "store",
        listen=lambda event: events.append(event.what),
    )
    assert told.granted and told.network == tmp_path / "out" / "network.safetensors"
    small = bt.deploy.load(told.network, into=Held()).model
    assert small(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    assert all(torch.equal(trained.state_dict()[name], tensor) for name, tensor in before.items())
    assert trained.training and "finished" in events
    chosen = told.asked["chosen"]
    assert chosen == max(told.tried, key=lambda one: one.gains["smaller"]).row  # all lose less than so much
    if not chosen.startswith("weights"):
        assert parameters(small) < parameters(trained)


def test_images_without_training_images_are_refused(tmp_path: Path, splits: Splits) -> None:
    none = splits.train.subset(slice(0, 0))
    without = Splits(none, none, splits.test, name="stripes", fingerprint="0")
    with pytest.raises(BlackthornError, match="stripes: there are no training images to fine-tune on"):
        bt.compress(Held(), without, smaller=2, store=tmp_path)
