"""A compression, carried out: the sweep, the choice, the audit, and the folder."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..claims.wishes import Candidate, grant
from ..errors import RecipeError
from ..experiment import AnyPath, Experiment, Finished
from ..models import onnx_network
from ..recipes.compression import CHOSEN_BY, TIMED, Compression, exported_row
from ..report import Page
from ..report.compressed import left_out, told
from ..report.quantised import quantised
from ..report.verdict import compared, verdict
from ..running.events import Listener
from ..running.outlook import Outlook, outlook
from ..running.tried import Tried, failed_rows
from ..shipping.folder import empty, fill
from ..stages.artifacts import NETWORK
from ..stages.export import RUNTIMES
from ..types import Progress
from .asked import Asked


@dataclass(frozen=True)
class Compressed:
    """What came of a compression; as a path, it is that of its page."""

    verdict: str
    """What was chosen, what it costs, and what the audit says of it; or which wish was the expensive one."""
    network: Path | None
    """The bundle; None where no network fulfils the wishes."""
    files: Sequence[Path]
    """Everything that ships: the bundle, the exported files, the card and the recipe."""
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
            "files": {path.name: str(path) for path in self.files},
            "verdict": self.verdict,
            "tried": [{"row": one.row, **one.gains, "lost": dict(one.losses)} for one in self.tried],
            "comparisons": [asdict(one) for one in self.finished.verdicts],
            "notes": list(self.finished.notes),
            "report": str(self.index),
        }


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
    reading: Callable[[], AbstractContextManager[Progress | None]] = nullcontext,
) -> Compressed:
    """Do what is not done yet, choose, audit the chosen network, and write everything into one folder.

    Raises:
        BlackthornError: anything refused, in one line.
    """
    with reading() as told_of:
        options, sweep = asked.compression, asked.prepare(store, data_root, device, told_of)
    with listening(sweep) as listen:
        sweep = sweep.carry_out(jobs if isinstance(asked.images, str) else 1, listen)
    tried = Tried(options, sweep.plan, sweep.store, sweep.page().grid, sweep.outcome.failures)
    failed, original = tried.failed, tried.original
    if original in failed or len(tried.made) == 1:
        raise RecipeError(f"{original} cannot be compressed: {next(iter(failed.values()))}")
    granted = grant(options.wishes, tried.candidates)
    row = None if granted.picked is None else granted.picked.row
    found = told(granted, options.wishes, original, tried.sizes)
    reasons = dict(failed)
    formats: Sequence[str] = RUNTIMES if row is not None and onnx_network.available() else ()
    whole = sweep
    for _ in range(2):  # what cannot be exported is left out, and the rest written
        request = asked.request(failed, row, formats, found)
        whole = Experiment.prepare(request, store, data_root, device=sweep.device, splits=sweep.splits)
        with listening(whole) as listen:
            whole = whole.carry_out(1, listen)
        lost = failed_rows(whole.plan, whole.outcome.failures)
        reasons |= lost
        formats = tuple(format for format in formats if exported_row(row or "", format) not in lost)
        if not lost:
            break
    folder = asked.folder
    finished = whole.write(folder)
    said, files, more = [found], [], left_out(reasons)
    if row is None:
        empty(folder)
    else:
        page = _audited(whole.page(), options)
        shipped = fill(whole, row, folder, license=asked.license, page=page, cut=False)
        files, more = [folder / name for name in shipped.files], [*more, *shipped.notes]
        said += [verdict(page, row), compared(finished.verdicts), *quantised(page, row)]
    return Compressed(
        verdict=" ".join(part for part in said if part),
        network=None if row is None else folder / NETWORK,
        files=files,
        finished=dataclasses.replace(finished, notes=(*finished.notes, *more)),
        tried=tried.candidates,
        asked={"network": original, "data": sweep.splits.name, "chosen": row, **options.gains},
    )


def _audited(page: Page, options: Compression) -> Page:
    """What is known of the chosen network, without the measures by which it was chosen."""
    chosen_by, grid = {CHOSEN_BY, TIMED, options.attacked}, page.grid
    metrics = {name: kind for name, kind in grid.metrics.items() if name not in chosen_by}
    cells = [cell for cell in grid.cells if cell.metric in metrics]
    return dataclasses.replace(page, grid=dataclasses.replace(grid, metrics=metrics, cells=cells))
