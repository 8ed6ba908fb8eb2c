"""What the weights do that read a pixel which is black in every image on which weights are scored: they score zero.

    python benchmarks/dark_pixels.py parana-curves --store runs --out results/parana-curves-full/dark_pixels.csv

Nothing is trained: the network "dense" and its noises must be in the store. The images are those that the activated
value draws from the training set by the seed, as many as `images` says. `dark` is the share of pixels that are black
in all of them, in percent. `gain` is what setting just the weights of the first layer to zero that read these pixels
adds to the accuracy on the test images, in points: untouched ones ("none"), or with a noise of the network whose search
had no penalty.
"""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor

from blackthorn.data import pixels
from blackthorn.deploy import load
from blackthorn.experiment import Experiment
from blackthorn.measuring import Accuracy
from blackthorn.stages import Stage
from blackthorn.stages.artifacts import load_noise
from stored import asked_for, write

COUNTS = (200, 2000)  # the blog's notebooks score on 200 images, the recipe on 2,000


def noises(dense: Stage, experiment: Experiment) -> dict[str, Tensor]:
    """The test images, untouched and with each noise that was searched on the network without a penalty."""
    x = experiment.splits.test.x
    found = {"none": pixels(x)}
    for stage in experiment.plan.stages:
        if stage.kind == "noise" and stage.parent is dense and not stage.value.noise.search.penalty:
            noise = stage.value.noise
            found[noise.name] = noise.apply(load_noise(experiment.store.stage(stage.name)), x)
    return found


def rows(experiment: Experiment) -> Iterator[tuple[int, str, str, str]]:
    """How many images, how much is dark in all of them, the noise, and what setting to zero gains under it."""
    dense = next(stage for stage in experiment.plan.stages if "· dense · train" in stage.label)
    before = load(experiment.store.stage(dense.name) / "network.safetensors").model.eval()
    y, images = experiment.splits.test.y, experiment.splits.train.x.flatten(1)
    attacked, accuracy = noises(dense, experiment), Accuracy()
    stood = {noise: accuracy(before, x, y).value for noise, x in attacked.items()}
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(dense.seed))
    for number in COUNTS:
        dark, after = images[order[:number]].amax(0) == 0, copy.deepcopy(before)
        after.get_parameter("fc1.weight").data[:, dark] = 0
        for noise, x in attacked.items():
            gain = 100 * (accuracy(after, x, y).value - stood[noise])
            yield number, f"{100 * dark.double().mean():.1f}", noise, f"{gain:.2f}"


def main() -> None:
    """Measure the network of the run that is asked for."""
    experiment, out = asked_for(__doc__)
    write(out, ["images", "dark", "noise", "gain"], rows(experiment))


if __name__ == "__main__":
    main()
