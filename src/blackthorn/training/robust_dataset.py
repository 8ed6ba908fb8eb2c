"""Robust data sets: training images of which only what a robust network sees is left, with the labels they had.

A network trained on such images as usual, without any attack, withstands small attacks on ordinary images.

Reference: Ilyas et al. 2019, "Adversarial examples are not bugs, they are features", sec. 3.1 and fig. 2a.
"""

import hashlib
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import __version__
from ..attacks import PGD, AnyAttack, AttackWarning, craft
from ..data import ImageSet, OnDisk, Pixels, Splits, pixels, save_data
from ..data.parts import Part, in_parts, kept_on_disk
from ..models import check_logits, device_of
from ..speed.precision import Precision
from ..types import Progress
from ..values import spell
from .inversion import Inversion

ATTACK = PGD(norm="l2", eps=0.25, steps=20)
"""Under which robustness is compared: the evaluation of Ilyas et al. 2019 and of Lim et al. 2021 on CIFAR-10."""
LEAST_GAIN = 0.10
"""How much more accurate a network must be under attack than one trained as usual to be called robust here."""
_COMPARED = 500  # images; with so many, 10 points are two or three widths of the interval of a share


@dataclass(frozen=True, eq=False)
class RobustDataset:
    """A robust data set, and how it came about."""

    splits: Splits
    """Its training images, in 256 levels; validation and test images are the ordinary ones of the source."""
    distance: Tensor
    """float32 (training images,): how far features stayed from those of the original, relative to their length."""
    before: Tensor
    """The same for the images that the inversions started at."""
    robust: float
    """Accuracy of the network under attack, on images of the source."""
    standard: float | None
    """The same of the network that it was compared with."""
    warnings: tuple[str, ...]
    weights: str
    """16 hexadecimal digits that stand for the weights of the network."""
    about: str = ""
    """Markdown for the data set's card."""

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Save it as a folder of parquet files with a card; see `blackthorn.data.save_data`."""
        return save_data(self.splits, folder, about=self.about)


def robust_dataset(
    model: nn.Module,
    splits: Splits,
    *,
    inversion: Inversion | None = None,
    standard: nn.Module | None = None,
    attack: AnyAttack = ATTACK,
    seed: int = 0,
    batch_size: int = 250,
    precision: Precision = "auto",
    name: str = "",
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> RobustDataset:
    """Invert the features that a robust network has at every training image.

    Departs: images are stored in 256 levels, as data sets are, and not in float32.

    Args:
        model: an adversarially trained network for these images; left as it was.
        splits: images; the training images are inverted, the others stay as they are.
        inversion: how features are inverted; by default in 1000 steps of 0.1, as Ilyas et al. did.
        standard: a network trained as usual, with which robustness is compared; a gain of less than 10 points is
            warned of.
        attack: under which the two are compared, on the first 500 validation images, or training images where there
            are none.
        seed: of the starts.
        batch_size: images at a time.
        precision: arithmetic of the inversion; `auto` takes bf16 where it is measured to be faster.
        name: what the card calls the network.
        checkpoint: a folder in which finished parts are kept, at least a twentieth of the images each, so that a
            killed call goes on where it was; remove it when the data set is saved. Where the training images are on
            disk, those that are made stay in this folder.
        progress: called with (text, steps of images done, steps of images).
    Raises:
        ModelError: the network is not for images of this shape and so many classes, or has no penultimate layer.
        StoreError: the checkpoint holds parts of other work, or damaged ones.
        OSError: the checkpoint cannot be written.
    """
    inversion = inversion or Inversion()
    for one in (model, standard):
        if one is not None:
            check_logits(one, num_classes=splits.num_classes, shape=splits.shape)
    train = splits.train
    robust, usual = _accuracy(model, splits, attack), _accuracy(standard, splits, attack)
    assert robust is not None  # of a network that is there

    def make(number: int, rows: slice) -> Part:
        total = len(train) * inversion.steps
        told = None if progress is None else _Offset(progress, rows.start * inversion.steps, total)
        made = inversion(
            model, train.x, rows=rows, seed=seed, batch_size=batch_size, precision=precision, progress=told
        )
        return Part({"x": (made.x * 255).round().to(torch.uint8), "distance": made.distance, "before": made.before})

    weights = _weights(model)
    settings = f"{spell(inversion)} seed {seed} of {splits.fingerprint} by {weights}"
    made_of: dict[str, list[Tensor]] = {"x": [], "distance": [], "before": []}
    on_disk = train.x.stored if isinstance(train.x, OnDisk) and checkpoint is not None else None
    for part in in_parts(make, len(train), batch_size, checkpoint, settings):
        for key, pieces in made_of.items():
            if key != "x" or on_disk is None:
                pieces.append(part.tensors[key].cpu())
    distance, before = torch.cat(made_of["distance"]), torch.cat(made_of["before"])
    x: Pixels
    if on_disk is not None and checkpoint is not None:
        x = kept_on_disk("x", checkpoint, len(train), batch_size, on_disk)
    else:
        x = torch.cat(made_of["x"])
    inverted = replace(splits, train=ImageSet(x, train.y.cpu(), train.classes), name=f"robust {splits.name}")
    made = RobustDataset(inverted, distance, before, robust, usual, _warnings(robust, usual, attack), weights)
    return replace(made, about=_about(made, splits, name or type(model).__name__, inversion, attack, seed))


def _accuracy(model: nn.Module | None, splits: Splits, attack: AnyAttack) -> float | None:
    """Accuracy under attack; random starts are the same for every network, and torch's generators are left alone."""
    if model is None:
        return None
    device = device_of(model)
    images = splits.valid if len(splits.valid) else splits.train
    some = images.subset(slice(0, _COMPARED)).to(device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []), warnings.catch_warnings():
        torch.manual_seed(0)
        warnings.simplefilter("ignore", AttackWarning)
        return craft(attack, model, pixels(some.x), some.y, precision="float32").robust_accuracy


def _warnings(robust: float, standard: float | None, attack: AnyAttack) -> tuple[str, ...]:
    if standard is None or robust - standard >= LEAST_GAIN:
        return ()
    return (
        f"the network whose features the robust data set holds is not robust: under {attack.name} ({attack.norm}, eps "
        f"{attack.eps:g}) it is right on {robust:.1%} of the images, and the standard network on {standard:.1%}; train "
        "it longer, or against a larger radius",
    )


def _weights(model: nn.Module) -> str:
    """A hash of everything that decides what a network gives."""
    content = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        content.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        content.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return content.hexdigest()[:16]


@dataclass(frozen=True)
class _Offset:
    """Steps of a part as steps of all."""

    progress: Progress
    before: int
    total: int

    def __call__(self, text: str, done: int, total: int) -> None:
        self.progress(text, self.before + done, self.total)


def _about(made: RobustDataset, source: Splits, name: str, inversion: Inversion, attack: AnyAttack, seed: int) -> str:
    """The card of a robust data set, for people."""
    under = f"{attack.name} ({attack.norm}, eps {attack.eps:g})"
    usual = "" if made.standard is None else f"; {made.standard:.1%} of a network trained as usual"
    final = "" if inversion.final_step_size is None else f", falling linearly to {inversion.final_step_size:g}"
    begins = "another training image, drawn at random" if inversion.start == "image" else "grey with a little noise"
    splits = made.splits
    sizes = f"{len(splits.train)} for training, {len(splits.valid)} for validation, {len(splits.test)} for test"
    doubts = "".join(f"\n**Warning:** {doubt}.\n" for doubt in made.warnings)
    return f"""# {source.name}, as a robust network sees it
{doubts}
The training images are images of {source.name} of which only what a robust network sees is left, after Ilyas et al.
2019, "Adversarial examples are not bugs, they are features". Each began as {begins}, and was changed until the
network's features at it came near those at the original; its label is that of the original. A network that is trained
on these images as usual, without attacks, withstands small attacks on ordinary images.

The validation and test images are the ordinary ones. Measure on those: the robust images are for training only.

| | |
| --- | --- |
| images | {sizes} |
| source | {source.name}, content {source.fingerprint}, license {source.license} |
| robust network | {name}, weights {made.weights} |
| its accuracy under {under} | {made.robust:.1%}{usual} |
| steps | {inversion.steps} of length {inversion.step_size:g}{final}, normalised gradient descent in [0, 1] |
| fake ReLU | {"yes" if inversion.fake_relu else "no"} |
| seed | {seed} |
| distance of features, relative | {_quartiles(made.before)} at the start, {_quartiles(made.distance)} at the end |
| pixels | rounded to 256 levels, lossless PNG |
| made with | blackthorn {__version__}, torch {torch.__version__} |
"""


def _quartiles(numbers: Tensor) -> str:
    low, middle, high = torch.quantile(numbers, torch.tensor([0.25, 0.5, 0.75])).tolist()
    return f"{middle:.3f} (half of them {low:.3f} to {high:.3f})"
