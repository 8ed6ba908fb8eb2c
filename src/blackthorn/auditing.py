"""An audit: how accurate and how hard to fool somebody's trained network is, from the command line and from Python.

    told = bt.audit(model, (x_test, y_test), eps=8/255)
    print(told.verdict, told.index)

It is a recipe underneath (`recipes.audits`), run by the one runner: it resumes, and repeats nothing.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .data import Images as LabelledImages
from .data import ImageSet, Splits, as_images
from .errors import DataError, RecipeError
from .experiment import AnyPath, Experiment, Finished, found_device
from .models import device_of, eval_mode
from .models.outputs import logits_from
from .recipes.audits import IMAGES, Audit, Tier
from .recipes.complaints import one_line
from .recipes.given import allowed, safe
from .recipes.request import Request
from .report.verdict import compared, verdict
from .results import to_json
from .running.events import Listener, quiet
from .types import Progress
from .values import ValidationError, parse

Images = str | Splits | LabelledImages


@dataclass(frozen=True)
class Audited:
    """What an audit found; as a path, it is that of its page."""

    verdict: str
    """What the numbers say, in one paragraph that a person can act on."""
    finished: Finished
    """The page, and every record that it shows."""
    asked: Mapping[str, Any]
    """Network, images, eps, norm and tier."""

    @property
    def index(self) -> AnyPath:
        """The page."""
        return self.finished.index

    def __fspath__(self) -> str:
        return str(self.finished.index)

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs: what was asked, the verdict, comparisons, and each record with its place."""
        held = self.finished
        return {
            **self.asked,
            "verdict": self.verdict,
            "comparisons": [asdict(one) for one in held.verdicts],
            "records": [{"row": cell.row, "metric": cell.metric, **to_json(cell.record)} for cell in held.grid.cells],
            "missing": list(held.missing),
            "report": str(held.index),
        }


def audit(
    model: nn.Module | str,
    images: Images,
    *,
    resize: int | None = None,
    weights: str | None = None,
    against: nn.Module | str | None = None,
    eps: float = 8 / 255,
    norm: str = "linf",
    tier: Tier = "screen",
    n_max: int = IMAGES,
    store: AnyPath = "runs",
    data_root: AnyPath | None = None,
    device: str | None = None,
    listen: Listener | None = None,
) -> Audited:
    """Audit a trained network: accuracy, robust accuracy at three radii, alarms, weak classes, fragile images, cost.

    Args:
        model: a module, which maps pixels in [0, 1] to logits; or a bundle's file, `package.module:factory`, or a
            built-in network's name with `weights`. A factory that is named here is called.
        images: labelled images it was not trained on: (x, y) with x uint8 or float32 in [0, 1] (n, C, H, W) and y
            int64 (n,); an `ImageSet`; a `Dataset` of (image, label) or a `DataLoader` of one; `Splits`, whose test
            images are taken; or a source that `load_data` reads.
        resize: bring the images of a source to this size; by default to that of a bundle's network.
        weights: a file of weights for a factory or a built-in network.
        against: the network that it came from: is the one as hard to fool as the other?
        eps: the largest radius, in pixels of [0, 1].
        norm: "linf" or "l2".
        tier: how thorough the attack is: "screen", "standard" or "full".
        n_max: look at only this many images, evenly spread.
        store: the folder of results; what is in it already is not measured again.
        data_root: where data sets are looked up by name.
        device: "cpu", "cuda" or "cuda:1"; by default a GPU if there is one.
        listen: called with an `Event` for everything that happens.
    Raises:
        BlackthornError: anything refused, in one line.
    """
    read = images if isinstance(images, str) else _splits(images, model)
    asked = {"eps": eps, "norm": norm, "tier": tier, "images": n_max}
    return carried_out(
        Asked(model, weights, against, read, asked, resize, called=True),
        store=store,
        data_root=data_root,
        device=device,
        listening=lambda experiment: nullcontext(listen or quiet),
    )


@dataclass(frozen=True)
class Asked:
    """What is to be audited, and how."""

    network: nn.Module | str
    weights: str | None
    against: nn.Module | str | None
    images: str | Splits
    options: Mapping[str, Any]
    """eps, norm, tier and images, as they were written."""
    resize: int | None = None
    """Bring images to this size; by default to that of a bundle's network."""
    called: bool = False
    """Whether factories that it names may be called although a file, and no person, names them."""
    allow_code: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """The words of the command line."""

    def request(self) -> tuple[Audit, Request]:
        """The options, checked, and the recipe.

        Raises:
            RecipeError: an option or a network is refused.
        """
        try:
            options: Audit = parse(Audit, dict(self.options))
        except ValidationError as error:
            raise RecipeError(f"audit: {one_line(error, dict(self.options))}") from None
        source = self.images if isinstance(self.images, str) else self.images.name
        data = {"source": source, "valid": 0, **({} if self.resize is None else {"resize": self.resize})}
        made = options.recipe(self.network, data, weights=self.weights, against=self.against)
        agreed = allowed(made, [self.network, self.against], called=self.called)
        name = f"audit-{safe(next(iter(made['networks'])))}"
        return options, Request(name, options.tier, allow_code=(*self.allow_code, *agreed), made=made, said=self.said)


def carried_out(
    asked: Asked,
    *,
    store: AnyPath,
    data_root: AnyPath | None,
    device: str | None,
    listening: Callable[[Experiment], AbstractContextManager[Listener]],
    reading: Callable[[], AbstractContextManager[Progress | None]] = nullcontext,
) -> Audited:
    """Measure what is not measured yet, write the page, and say what it means.

    Raises:
        BlackthornError: anything refused, in one line.
    """
    options, request = asked.request()
    splits = None if isinstance(asked.images, str) else asked.images
    with reading() as told_of:
        experiment = Experiment.prepare(
            request, store, data_root, device=found_device(device), splits=splits, progress=told_of
        )
    with listening(experiment) as listen:
        done = experiment.carry_out(1, listen)
    finished, page = done.write(), done.page()
    row = page.rows[0]
    told = " ".join(part for part in (verdict(page, row), compared(page.verdicts)) if part)
    known = {
        "network": row,
        "against": page.rows[1] if len(page.rows) > 1 else None,
        "data": experiment.splits.name,
        "images": min(options.images, len(experiment.splits.test)),
        "eps": options.eps,
        "norm": options.norm,
        "tier": options.tier,
    }
    return Audited(told, finished, known)


def _splits(images: Splits | LabelledImages, model: nn.Module | str) -> Splits:
    """The images as the test images of a data set without others."""
    if isinstance(images, Splits):
        return images
    if not isinstance(images, (ImageSet, tuple)):
        held = as_images(images)
        images = (held.x[:], held.y)
    if not isinstance(images, ImageSet):
        x, y = (torch.as_tensor(one) for one in images)
        if not len(x):
            raise DataError("there are no images to audit on; give at least one")
        classes = int(y.max()) + 1 if not isinstance(model, nn.Module) else _classes(model, x)
        images = ImageSet(x.cpu(), y.cpu().long(), tuple(map(str, range(max(classes, int(y.max()) + 1)))))
    found = hashlib.sha256(images.x[:].contiguous().numpy().tobytes() + images.y.contiguous().numpy().tobytes())
    none = images.subset(slice(0, 0))
    return Splits(images, none, images, name="images in memory", fingerprint=found.hexdigest()[:16])


def _classes(model: nn.Module, x: Tensor) -> int:
    """How many logits a network gives."""
    with eval_mode(model), torch.no_grad():
        given = x[:2].float() / 255 if x.dtype == torch.uint8 else x[:2].float()
        return logits_from(model, given.to(device_of(model))).shape[1]
