"""From a trained network to a smaller one: pruned in several ways, fine-tuned, chosen by a rule, audited, and written.

    made = bt.compress(model, splits, smaller="4x", eps=8/255)
    print(made.verdict, made.network)

It is a recipe underneath (`recipes.compression`), run by the one runner: it resumes, and repeats nothing.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from .claims.wishes import Candidate, grant
from .data import Splits
from .errors import DataError, RecipeError
from .experiment import AnyPath, Experiment, Finished, found_device
from .recipes.audits import IMAGES, Tier
from .recipes.complaints import one_line
from .recipes.compression import Compression
from .recipes.given import allowed, name_of, safe
from .recipes.request import Request
from .report import Page
from .report.compressed import told
from .report.verdict import compared, verdict
from .running.events import Listener, quiet
from .running.outbox import Outbox
from .running.outlook import Outlook, outlook
from .running.tried import Tried
from .values import ValidationError, parse


@dataclass(frozen=True)
class Compressed:
    """What came of a compression; as a path, it is that of its page."""

    verdict: str
    """What was chosen, what it costs, and what the audit says of it; or which wish was the expensive one."""
    network: Path | None
    """The bundle; None where no network fulfils the wishes."""
    finished: Finished
    """The page, and every record that it shows."""
    tried: Sequence[Candidate]
    """Every network that was made, with what it gains and loses."""
    asked: Mapping[str, Any]
    """Network, data and wishes."""

    @property
    def granted(self) -> bool:
        """Whether a network fulfils the wishes."""
        return self.network is not None

    @property
    def index(self) -> Path:
        """The page."""
        return self.finished.index

    def __fspath__(self) -> str:
        return str(self.finished.index)

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs: what was asked, what was tried, the verdict and the comparisons of the audit."""
        return {
            **self.asked,
            "granted": self.granted,
            "bundle": None if self.network is None else str(self.network),
            "verdict": self.verdict,
            "tried": [{"row": one.row, **one.gains, "lost": dict(one.losses)} for one in self.tried],
            "comparisons": [
                {"statement": one.statement, "holds": one.holds, "evidence": one.evidence}
                for one in self.finished.verdicts
            ],
            "notes": list(self.finished.notes),
            "report": str(self.index),
        }


def compress(
    model: nn.Module | str,
    data: Splits | str,
    *,
    smaller: float | str | None = None,
    faster: float | str | None = None,
    sparsity: float | str | None = None,
    batch: int = 1,
    keep_accuracy: float = 1.0,
    keep_robustness: float | None = None,
    eps: float | None = None,
    norm: str = "linf",
    tier: Tier = "screen",
    n_max: int = IMAGES,
    epochs: int = 5,
    lr: float = 1e-3,
    resize: int | None = None,
    weights: str | None = None,
    out: AnyPath | None = None,
    store: AnyPath = "runs",
    data_root: AnyPath | None = None,
    device: str | None = None,
    listen: Listener | None = None,
) -> Compressed:
    """Compress a trained network, and say what that costs.

    Args:
        model: a module, which maps pixels in [0, 1] to logits; or a bundle's file, `package.module:factory`, or a
            built-in network's name with `weights`. A factory that is named here is called.
        data: `Splits` with training images to fine-tune on and test images; or a source that `load_data` reads.
        smaller: so many times fewer bytes of the file: 4 or "4x".
        faster: so many times less time for `batch` images on this device.
        sparsity: so large a share of zero weights, with the zeros left in place: 0.9 or "90%".
        batch: images at once, where time is measured.
        keep_accuracy: points of natural accuracy that may be lost.
        keep_robustness: points of accuracy under attack that may be lost; by default 2 where `eps` is given.
        eps: the radius at which it is to stay as hard to fool, in pixels of [0, 1]; fine-tuning is then adversarial.
        norm: "linf" or "l2".
        tier: how thorough the attack of the audit is: "screen", "standard" or "full".
        n_max: choose by at most so many test images, and audit on as many others.
        epochs: of fine-tuning, for each network that is tried.
        lr: the first learning rate of fine-tuning.
        resize: bring the images of a source to this size; by default to that of a bundle's network.
        weights: a file of weights for a factory or a built-in network.
        out: the folder for the bundle, the recipe and the page; by default `NETWORK-compressed`.
        store: the folder of results; what is in it already is not done again.
        data_root: where data sets are looked up by name.
        device: "cpu", "cuda" or "cuda:1"; by default a GPU if there is one.
        listen: called with an `Event` for everything that happens.
    Raises:
        BlackthornError: anything refused, in one line.
    """
    options = {
        "smaller": smaller,
        "faster": faster,
        "sparsity": sparsity,
        "batch": batch,
        "keep_accuracy": keep_accuracy,
        "keep_robustness": keep_robustness,
        "eps": eps,
        "norm": norm,
        "tier": tier,
        "images": n_max,
        "epochs": epochs,
        "lr": lr,
    }
    asked = Asked(model, weights, data, options, resize, out=out, called=True)
    return carried_out(
        asked,
        store=store,
        data_root=data_root,
        device=device,
        jobs=1,
        listening=lambda experiment: nullcontext(listen or quiet),
    )


@dataclass(frozen=True)
class Asked:
    """What is to be compressed, and what is wished."""

    network: nn.Module | str
    weights: str | None
    images: str | Splits
    options: Mapping[str, Any]
    """Those of a `Compression`, as they were written; None stands for what was not."""
    resize: int | None = None
    out: AnyPath | None = None
    called: bool = False
    """Whether factories that it names may be called although a file, and no person, names them."""
    allow_code: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """The words of the command line."""

    @property
    def compression(self) -> Compression:
        """The options, checked.

        Raises:
            RecipeError: one of them is refused.
        """
        options = {name: given for name, given in self.options.items() if given is not None}
        try:
            made: Compression = parse(Compression, options)
        except ValidationError as error:
            raise RecipeError(f"compress: {one_line(error, options)}") from None
        return made

    def request(self, without: Collection[str] = (), chosen: str | None = None, found: str = "") -> Request:
        """The recipe: without the networks that cannot be had, with the audit of the chosen one, and what was found.

        Raises:
            RecipeError: an option or the network is refused.
        """
        source = self.images if isinstance(self.images, str) else self.images.name
        data = {"source": source, **({} if self.resize is None else {"resize": self.resize})}
        made = self.compression.recipe(
            self.network, data, weights=self.weights, without=without, chosen=chosen, found=found
        )
        agreed = allowed(made, [self.network], called=self.called)
        name = f"compress-{safe(next(iter(made['networks'])))}"
        return Request(name, allow_code=(*self.allow_code, *agreed), made=made, said=self.said)

    @property
    def outbox(self) -> Outbox:
        """Where everything is written.

        Raises:
            StoreError: files of something else are there.
        """
        named = f"{safe(name_of(self.network, self.weights))}-compressed"
        given = [Path(one) for one in (self.network, self.weights) if isinstance(one, str)]
        return Outbox.at(Path(named if self.out is None else self.out), given)

    def prepare(self, store: AnyPath, data_root: AnyPath | None, device: str | None) -> Experiment:
        """The sweep, with its images.

        Raises:
            BlackthornError: anything refused, before anything is trained.
        """
        _ = self.outbox  # refused before anything is trained
        splits = None if isinstance(self.images, str) else self.images
        experiment = Experiment.prepare(self.request(), store, data_root, device=found_device(device), splits=splits)
        if not len(experiment.splits.train):
            raise DataError(f"{experiment.splits.name}: there are no training images to fine-tune on; give some")
        return experiment


def planned(asked: Asked, *, store: AnyPath, data_root: AnyPath | None, device: str | None) -> Outlook:
    """What the sweep would train, and about how long; nothing is trained.

    Raises:
        BlackthornError: anything refused, in one line.
    """
    experiment = asked.prepare(store, data_root, device)
    assert experiment.device is not None
    return outlook(experiment.plan, experiment.splits, experiment.store, experiment.device)


def carried_out(
    asked: Asked,
    *,
    store: AnyPath,
    data_root: AnyPath | None,
    device: str | None,
    jobs: int | None,
    listening: Callable[[Experiment], AbstractContextManager[Listener]],
) -> Compressed:
    """Do what is not done yet, choose, audit the chosen network, and write everything into one folder.

    Raises:
        BlackthornError: anything refused, in one line.
    """
    options, sweep = asked.compression, asked.prepare(store, data_root, device)
    with listening(sweep) as listen:
        sweep = sweep.carry_out(jobs if isinstance(asked.images, str) else 1, listen)
    tried = Tried(options, sweep.plan, sweep.store, sweep.page().grid, sweep.outcome.failures)
    failed, original = tried.failed, tried.original
    if original in failed or len(tried.made) == 1:
        raise RecipeError(f"{original} cannot be compressed: {next(iter(failed.values()))}")
    granted = grant(options.wishes, tried.candidates)
    row = None if granted.picked is None else granted.picked.row
    found = told(granted, options.wishes, original, tried.sizes)
    request = asked.request(failed, row, found)
    whole = Experiment.prepare(request, store, data_root, device=sweep.device, splits=sweep.splits)
    with listening(whole) as listen:
        whole = whole.carry_out(1, listen)
    outbox = asked.outbox
    finished = whole.write(outbox.folder)
    audited = [] if row is None else [verdict(_audit(whole.page(), options), row), compared(finished.verdicts)]
    said = [found, *audited]
    notes = (*finished.notes, *(f"{name} could not be had: {why}" for name, why in failed.items()))
    return Compressed(
        verdict=" ".join(part for part in said if part),
        network=outbox.ship(None if row is None else tried.file(row)),
        finished=dataclasses.replace(finished, notes=notes),
        tried=tried.candidates,
        asked={"network": original, "data": sweep.splits.name, "chosen": row, **options.gains},
    )


def _audit(page: Page, options: Compression) -> Page:
    """What the audit measured, without the measures by which the network was chosen."""
    metrics, grid = options.audit.measures(), page.grid
    held = {name: kind for name, kind in grid.metrics.items() if name in metrics}
    cells = [cell for cell in grid.cells if cell.metric in held]
    return dataclasses.replace(page, grid=dataclasses.replace(grid, metrics=held, cells=cells))
