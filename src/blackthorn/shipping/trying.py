"""The page on which people try a network that ships, beside the one that it was pruned from."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from ..deploy import Bundle, export
from ..errors import DataError
from ..experiment import Experiment
from ..report import Page
from ..report.demo import Tried, demo
from .folder import SHOWN, smallest, trained

_EXAMPLES = 10  # test images on the page


def to_try(experiment: Experiment, page: Page, row: str, runtime: Path) -> bytes:
    """The page as a file.

    Args:
        experiment: the recipe with its store.
        page: what is measured of its networks.
        row: the network.
        runtime: the folder `dist` of onnxruntime-web.
    Raises:
        DataError: images are neither grey nor coloured.
        BlackthornError: the network is not in the store, or cannot be an ONNX file.
    """
    splits, test = experiment.splits, experiment.splits.test
    if splits.shape[0] not in (1, 3):
        raise DataError(f"people draw grey or coloured images, and these have {splits.shape[0]} channels")
    base = page.grid.by_name[row].base
    rows = [*([base] if base is not None and any(name == base for name, _ in page.accuracy) else []), row]
    first = [int((test.y == label).nonzero()[0]) for label in sorted(set(test.y.tolist()))[:_EXAMPLES]]
    radii = [page.attack(metric) or {} for metric in page.accuracy_metrics]
    eps = [float(attack["eps"]) for attack in radii if attack.get("norm", "linf") == "linf" and "eps" in attack]
    tried = Tried(
        networks={name: _onnx(smallest(trained(experiment, name).bundle, splits), test.x[:SHOWN]) for name in rows},
        shape=splits.shape,
        classes=test.classes,
        images=[(_levels(test.x[at]), int(test.y[at])) for at in first],
        eps=max(eps, default=8 / 255),
    )
    return demo(tried, runtime).encode()


def _onnx(bundle: Bundle, images: Tensor) -> bytes:
    """The network as an ONNX file, verified."""
    with TemporaryDirectory() as aside:
        return export(bundle.model, aside, ["onnx"], images=images)["onnx"].path.read_bytes()


def _levels(image: Tensor) -> bytes:
    """The pixels of an image, a byte for each."""
    levels = image if image.dtype == torch.uint8 else (255 * image).round().to(torch.uint8)
    return levels.contiguous().numpy().tobytes()
