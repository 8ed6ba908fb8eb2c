import pytest
import torch
from torch import Tensor, nn

from blackthorn import models
from blackthorn.errors import ModelError
from blackthorn.measuring import Counted, Subject, books
from blackthorn.pruning import FilterNorm, Magnitude, prune, shrink
from blackthorn.results import CountedRecord
from blackthorn.results.counted import What

MNIST, CIFAR = torch.rand(2, 1, 28, 28), torch.rand(2, 3, 32, 32)


def test_lenet_has_the_counts_of_the_papers_code() -> None:
    found = books(models.lenet5_caffe(), MNIST)
    assert (found.operations, found.memory, found.units) == (4_615_940, 477_410, 1370)
    assert books(models.lenet5_caffe(), MNIST, "official") == found


@pytest.mark.parametrize(
    ("classes", "operations", "official", "corrected"),
    [(10, 627_329_546, 19_881_538, 16_655_818), (100, 627_421_796, 20_481_748, 16_701_988)],
)
def test_vgg_has_the_counts_of_the_papers_code(classes: int, operations: int, official: int, corrected: int) -> None:
    with torch.device("meta"):
        model = models.vgg16_anp(classes)
    model = model.to_empty(device="cpu")
    nn.utils.vector_to_parameters(torch.ones(sum(p.numel() for p in model.parameters())), model.parameters())
    ours, theirs = books(model, CIFAR), books(model, CIFAR, "official")
    assert (theirs.operations, theirs.memory, theirs.units) == (operations, official, 5248)
    assert ours.memory == corrected
    assert ours.operations == operations - classes  # an activation of the logits, which there is not


def counted(what: What, forms: dict[str, nn.Module], x: Tensor, official: bool = False) -> CountedRecord:
    measure = Counted(what=what, counting="official" if official else "corrected")
    subject = Subject(next(iter(forms.values())), x, torch.zeros(len(x)).long(), forms=lambda: forms)
    (record,) = measure.measure(subject).records
    assert isinstance(record, CountedRecord)
    return record


def test_a_vgg_of_half_the_width_is_as_small_as_the_paper_would_print() -> None:
    forms: dict[str, nn.Module] = {"dense": models.vgg16_anp(), "shrunk": models.vgg16_anp(width=32)}
    assert counted("xflops", forms, CIFAR, official=True).value == pytest.approx(3.97496, abs=5e-6)
    assert counted("memory", forms, CIFAR, official=True).value == pytest.approx(27.2892, abs=5e-5)
    assert counted("units", forms, CIFAR).value == 50


def lenet_by_hand(n1: int, n2: int, n3: int, n4: int) -> tuple[int, int]:
    """Memory and operations as in the paper's bookkeeping, from the units left at its four places."""
    memory = 25 * 1 * (24**2 + n1) + 25 * n1 * (8**2 + n2) + n3 * n4 + n4 + n4 * 10 + 10
    operations = 24**2 * n1 * (2 * 25 - 1 + 2) + 4 * 12**2 * n1 + 8**2 * n2 * (2 * 25 * n1 - 1 + 2) + 4 * 4**2 * n2
    return memory, operations + (2 * n3 - 1) * n4 + 2 * n4 + (2 * n4 - 1) * 10 + 10


def test_only_units_that_are_alive_count_in_a_masked_network() -> None:
    model = models.lenet5_caffe()
    with torch.no_grad():
        model.conv1.weight[5:] = 0
        model.conv2.weight[:, 5:] = 0
        model.conv2.weight[7:] = 0
        model.fc1.weight[:, 100:] = 0  # 100 to 111 are inputs from a living channel
        model.fc1.weight[30:] = 0
        model.out.weight[:, 30:] = 0
    found = books(model, MNIST)
    assert (found.memory, found.operations) == lenet_by_hand(5, 7, 100, 30)
    assert found.units == 5 + 7 + 100 + 30


def test_a_shrunk_network_counts_as_the_masked_one_it_was_cut_from() -> None:
    model = models.lenet5_caffe()
    masks = prune(model, FilterNorm(include_linear=True), sparsity=0.6, scope="per_layer")
    small = shrink(model, masks, example=MNIST)
    found = books(small, MNIST)
    assert (found.memory, found.operations) == lenet_by_hand(8, 20, 320, 200)
    record = counted("units", {"dense": models.lenet5_caffe(), "masked": model, "shrunk": small}, MNIST)
    assert (record.whole, record.left) == (1370, 8 + 20 + 320 + 200)
    assert record.value == pytest.approx(100 - 100 * 548 / 1370)


def test_zeros_here_and_there_are_weights_that_are_gone_and_no_units() -> None:
    dense, model = models.lenet5_caffe(), models.lenet5_caffe()
    prune(model, Magnitude(), sparsity=0.8, layers=["fc1"])
    forms: dict[str, nn.Module] = {"dense": dense, "masked": model}
    assert counted("weights", forms, MNIST).value == pytest.approx(80 * 400_000 / 430_500, abs=0.01)
    assert counted("units", forms, MNIST).value == 0
    assert counted("memory", forms, MNIST).value == 100
    assert counted("xflops", forms, MNIST).value == 1


class Functional(nn.Module):
    """The layers of LeNet called as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = models.lenet5_caffe()

    def forward(self, x: Tensor) -> Tensor:
        f, held = nn.functional, self.layers
        x = f.max_pool2d(f.relu(f.conv2d(x, held.conv1.weight, bias=held.conv1.bias)), 2)
        x = torch.max_pool2d(torch.relu(f.conv2d(x, held.conv2.weight, held.conv2.bias)), kernel_size=2)
        x = f.relu(f.linear(x.flatten(1), held.fc1.weight, held.fc1.bias))
        return f.linear(x, held.out.weight, bias=held.out.bias)


def test_anybodys_network_is_counted_whatever_its_code_looks_like() -> None:
    assert books(Functional(), MNIST) == books(models.lenet5_caffe(), MNIST)


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ModelError, match="no convolution and no linear layer to count"):
        books(nn.Flatten(), MNIST)
    with pytest.raises(ModelError, match="give Subject"):
        Counted(what="memory").measure(Subject(models.lenet5_caffe(), MNIST, torch.zeros(2).long()))
