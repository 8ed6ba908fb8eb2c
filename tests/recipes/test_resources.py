"""What steps and measures ask a cluster for: which words are taken, what is granted, and that no address changes."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from blackthorn.data import ImageSet, Splits
from blackthorn.errors import RecipeError
from blackthorn.measuring import Accuracy, AnyMeasure
from blackthorn.recipes import plan
from blackthorn.recipes.data import Data
from blackthorn.recipes.reading import written_out
from blackthorn.resources import Resources
from blackthorn.running import Folder
from blackthorn.running.there import Surroundings
from blackthorn.stages import AnyImages, Step, Train
from blackthorn.values import spell

from .tiny import read, tiny


def splits() -> Splits:
    images = ImageSet(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]), ("a", "b"))
    return Splits(images, images, images, name="none", fingerprint="none")


def asking(resources: Any) -> dict[str, Any]:
    recipe = tiny()
    for network in recipe["networks"].values():
        for step in network["steps"]:
            step["resources"] = resources
    for measure in recipe["measures"].values():
        measure["resources"] = resources
    return recipe


def test_no_address_depends_on_what_is_asked_for_and_every_stage_knows_it(tmp_path: Path) -> None:
    bare, asked = (plan(read(tmp_path, made), splits()) for made in (tiny(), asking({"cpus": 4, "gpus": 0.5})))
    assert [stage.key for stage in bare.stages] == [stage.key for stage in asked.stages]
    assert [row.family for row in bare.rows] == [row.family for row in asked.rows]
    assert {stage.value.resources for stage in bare.stages} == {None}
    assert {stage.value.resources for stage in asked.stages} == {Resources(cpus=4, gpus=0.5)}


@pytest.mark.parametrize("union", [Step, AnyImages, AnyMeasure])
def test_every_step_all_images_and_every_measure_may_ask(union: Any) -> None:
    for made in get_args(get_args(union)[0]):
        assert made.__pydantic_fields__["resources"].annotation == Resources | None


def test_it_is_in_no_spelling_and_is_written_out_where_it_is_given(tmp_path: Path) -> None:
    assert spell(Train(epochs=1, resources=Resources(gpus=1))) == {"kind": "train", "epochs": 1}
    assert spell(Accuracy(resources=Resources(cpus=2))) == {"kind": "accuracy"}
    assert "resources" not in written_out(read(tmp_path, tiny()))
    again = read(tmp_path, asking({"cpus": 4}))
    assert written_out(again).count("cpus: 4") == len(re.findall("kind: (train|prune|accuracy)", written_out(again)))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"cpu": 4}, r"resources\.cpu: there is no option 'cpu'; did you mean 'cpus'\?"),
        ({"cpus": 0}, r"resources\.cpus: must be at least 1; got 0"),
        ({"cpus": 1.5}, r"resources\.cpus: a whole number is wanted; got 1\.5"),
        (
            {"gpus": 2},
            r"resources\.gpus: 0 \(none\), 1 \(one\), or a share .*--devices .*; got 2",
        ),
        (4, r"resources: must be a mapping of options; got 4"),
    ],
)
def test_wrong_words_are_refused_in_one_line(tmp_path: Path, written: Any, said: str) -> None:
    recipe = tiny()
    recipe["measures"]["natural"] = {"kind": "accuracy", "resources": written}
    with pytest.raises(RecipeError, match=r"measures\.natural\." + said) as refused:
        read(tmp_path, recipe)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("device", "asked", "granted"),
    [
        ("cpu", None, ("cpu", 2, 0)),
        ("cuda", None, ("cuda", 2, 1)),
        ("cuda", {"cpus": 8}, ("cuda", 8, 1)),
        ("cuda", {"gpus": 0}, ("cpu", 2, 0)),
        ("cuda:1", {"gpus": 0.5}, ("cuda:1", 2, 0.5)),
        ("cpu", {"cpus": 4, "gpus": 1}, ("cuda", 4, 1)),
    ],
)
def test_a_stage_is_granted_what_it_asks_for_and_else_what_the_command_says(
    tmp_path: Path, device: str, asked: Any, granted: tuple[str, int, float]
) -> None:
    place = Surroundings.of(Data(source="digits"), None, Folder(tmp_path), torch.device(device), 2)
    there, gpus = place.granted(None if asked is None else Resources(**asked))
    assert (there.device, there.threads, gpus) == granted
    assert (there.store, there.data) == (place.store, place.data)
