"""`build`: built-in names, options, and a person's own factory from the current directory."""

import itertools
import sys

import pytest
import torch
from torch import nn

from blackthorn import models
from blackthorn.errors import ModelError

_names = itertools.count()
NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.out = nn.Linear(inputs, classes)
        self.drop = nn.Dropout(0.5)
    def forward(self, x):
        return self.drop(self.out(x.flatten(1)))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a module into the current directory; returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> str:
        name = f"own_nets_{next(_names)}"
        (tmp_path / f"{name}.py").write_text(NET + text)
        return name

    return write


def build(kind: str, shape=(3, 8, 8), **options: object) -> nn.Module:
    return models.build({"kind": kind, **options}, num_classes=4, shape=shape)


def test_a_name_and_a_dict_build_the_same_network():
    named = models.build("wang_cnn", num_classes=10, shape=(1, 28, 28))
    told = models.build({"kind": "wang_cnn"}, num_classes=10, shape=(1, 28, 28))
    assert named.architecture == told.architecture == models.wang_cnn().architecture


def test_options_reach_the_builder():
    assert build("mlp", hidden=[5]).fc1.out_features == 5


def test_build_leaves_the_spec_as_it_was():
    spec = {"kind": "mlp", "hidden": [5], "num_classes": 4}
    models.build(spec, num_classes=4, shape=(1, 8, 8))
    assert spec == {"kind": "mlp", "hidden": [5], "num_classes": 4}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("wang_cn", "no model 'wang_cn'; did you mean 'wang_cnn'"),
        ({"kind": "mlp", "hiden": [4]}, "mlp has no option 'hiden'; did you mean 'hidden'"),
        ({"kind": "mlp", "num_classes": 5}, "num_classes is 5 in the model but 10 in the data"),
        ({"kind": "mlp", "image_size": 32}, "image_size is 32 in the model but 28 in the data"),
        ({"hidden": [4]}, "a model is a name or a dict with a 'kind'"),
        (7, "a model is a name or a dict with a 'kind'"),
        (":factory", "names no factory; write package.module:factory"),
        ("torch:", "names no factory"),
        ("no_such_package.nets:small", "there is no module 'no_such_package'"),
        ("torch.no_such_part:small", "there is no module 'torch.no_such_part'"),
        ("math:pi", "math:pi is not callable"),
        ("collections:OrderedDic", "did you mean 'OrderedDict'"),
        ("collections:OrderedDict", "does not say what it takes; write a plain function around it"),
    ],
)
def test_a_wrong_spec_is_one_line_that_says_what_to_write(spec, message):
    with pytest.raises(ModelError) as caught:
        models.build(spec, num_classes=10, shape=(1, 28, 28))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_sizes_must_come_from_somewhere():
    with pytest.raises(ModelError, match="in_channels is not known"):
        models.build("mlp", num_classes=10)


def test_images_that_are_not_square_are_refused_with_the_remedy():
    with pytest.raises(ModelError, match="wants square images, got 28x30; write resize: 30"):
        models.build("mlp", num_classes=10, shape=(1, 28, 30))


def test_a_factory_gets_the_sizes_it_accepts(own):
    name = own("def net(num_classes, image_size): return Net(3 * image_size ** 2, num_classes)")
    assert build(f"{name}:net").out.weight.shape == (4, 192)


def test_a_factory_without_arguments_works_and_rebuilds_from_its_architecture(own):
    name = own("def net(): return Net(192, 4)")
    model = build(f"{name}:net")
    assert model.architecture == {"kind": f"{name}:net", "num_classes": 4, "in_channels": 3, "image_size": 8}
    assert models.build(model.architecture).out.weight.shape == (4, 192)


def test_a_factory_gets_its_options_and_keeps_them_in_the_architecture(own):
    name = own("def net(num_classes, *, width): return nn.Sequential(nn.Flatten(), Net(192, num_classes))")
    assert build(f"{name}:net", width=3).architecture["width"] == 3


def test_a_factory_with_kwargs_gets_num_classes_alone(own):
    name = own("def net(**kwargs): assert set(kwargs) == {'num_classes'}; return Net(192, kwargs['num_classes'])")
    assert build(f"{name}:net").out.out_features == 4


def test_a_class_is_a_factory(own):
    name = own("class Mine(Net):\n    def __init__(self, num_classes): super().__init__(192, num_classes)")
    assert type(build(f"{name}:Mine")).__name__ == "Mine"


def test_images_of_any_proportion_reach_a_factory(own):
    name = own("def net(image_size): return Net(3 * image_size[0] * image_size[1], 4)")
    model = build(f"{name}:net", shape=(3, 8, 6))
    assert models.build(model.architecture).architecture["image_size"] == [8, 6]


def test_a_factory_is_imported_from_the_current_directory_and_the_path_is_put_back(own):
    before = list(sys.path)
    build(own("def net(): return Net(192, 4)") + ":net")
    assert sys.path == before


def test_the_check_leaves_mode_and_random_state_alone(own):
    name = own("def net():\n    model = Net(192, 4)\n    torch.manual_seed(3)\n    return model")
    model = build(f"{name}:net")
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert model.training and torch.equal(drawn, torch.rand(1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "def net(): raise RuntimeError('two\\nlines')",
            "raised RuntimeError: two lines; it was called with nothing",
        ),
        ("def net(num_classes, depth): pass", "raised TypeError"),
        ("def net(): return 3", "returned int; it must return a torch.nn.Module"),
        ("def net(): return Net(192, 5)", "outputs of shape (2, 5) for 2 images"),
        ("def net(): return nn.Identity()", "outputs of shape (2, 3, 8, 8)"),
        ("def net(): return Net(100, 4)", "cannot take images of shape (3, 8, 8): RuntimeError"),
        (
            "class Two(Net):\n  def forward(self, x): return x, x\ndef net(): return Two(192, 4)",
            "gives a tuple",
        ),
        (
            "def net():\n  made = Net(192, 4)\n  nn.init.constant_(made.out.bias, torch.inf)\n  return made",
            "not finite",
        ),
        ("net = 4", "is not callable"),
        ("def nett(): pass", "did you mean 'nett'?"),
        ("import no_such_thing", "imports 'no_such_thing', which is not installed"),
        ("1 / 0", "raised ZeroDivisionError: division by zero"),
        ("def net(:", "raised SyntaxError"),
    ],
)
def test_a_wrong_factory_is_one_line_that_says_what_to_write(own, text, message):
    with pytest.raises(ModelError) as caught:
        build(f"{own(text)}:net")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_option_of_a_factory_is_named(own):
    name = own("def net(num_classes, width=3): return Net(192, num_classes)")
    with pytest.raises(ModelError, match="has no option 'widht'; did you mean 'width'"):
        build(f"{name}:net", widht=3)
