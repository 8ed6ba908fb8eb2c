"""A model card: what a network is, can and cannot do, as the README.md of a repository on the Hugging Face hub.

The lines between `---` are read by the hub (its metadata and its table of results); the rest is for people.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ..results import AccuracyRecord, Cell, CertifiedRecord, estimate
from .attacks import attack_words
from .costs import Cost, costs
from .families import mean_zeros
from .page import Page
from .quantised import quantised
from .verdict import verdict
from .views.costs import cost_title
from .views.provenance import provenance
from .words import amount, percent, radius, size

_FORMS = {"dense": "nothing pruned", "masked": "zeros in place", "shrunk": "cut down", "sparse": "sparse layers"}
_RUNTIMES = {"": "", "onnx": " in ONNX Runtime", "int8": " in ONNX Runtime, int8"}
UNKNOWN = "unknown"
"""The hub's word for a licence that nobody stated."""


@dataclass(frozen=True)
class Lines:
    """Lines of Python by which somebody loads the network."""

    title: str
    code: str


@dataclass(frozen=True)
class Shipped:
    """What a card says that no record knows."""

    row: str
    dataset: str
    """What the images are called; the id of a data set on the hub where they have one."""
    on_hub: bool
    files: Mapping[str, int]
    """What lies beside the card: name -> bytes."""
    loading: Sequence[Lines]
    license: str = UNKNOWN
    """An identifier of the hub, such as "mit" or "apache-2.0"."""
    notes: Sequence[str] = ()
    """What else whoever takes the network should know."""


def card(page: Page, shipped: Shipped) -> str:
    """The text of README.md for one network of a page, all of whose records are those of this very network."""
    row = shipped.row
    parts = [
        f"---\n{yaml.safe_dump(metadata(page, shipped), sort_keys=False, allow_unicode=True)}---",
        f"# {row}",
        f"An image classifier of the experiment “{page.title}”. {page.about}".strip(),
        verdict(page, row),
        *_measured(page, row),
        *quantised(page, row),
        *_costs(page, row),
        *_files(shipped),
        "## Load it\n\nThe network takes pixels in [0, 1] and gives logits.",
        *(f"{lines.title}\n\n```python\n{lines.code.strip()}\n```" for lines in shipped.loading),
        _licence(shipped),
        _origin(page),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def metadata(page: Page, shipped: Shipped) -> dict[str, Any]:
    """The hub's metadata: licence, library, task, data set, tags, and the results as it lists them."""
    tags = ["blackthorn", "image-classification", "adversarial-robustness"]
    tags += ["pruning"] if mean_zeros(page, shipped.row).get("weights", 0.0) > 0 or _base(page, shipped.row) else []
    tags += ["onnx"] if any(name.endswith(".onnx") for name in shipped.files) else []
    dataset = {"type": shipped.dataset if shipped.on_hub else _slug(shipped.dataset), "name": shipped.dataset}
    metrics = [_metric(page, shipped.row, metric) for metric in page.accuracy_metrics]
    results = {
        "task": {"type": "image-classification", "name": "Image classification"},
        "dataset": {**dataset, "split": "test"},
        "metrics": [metric for metric in metrics if metric is not None],
    }
    return {
        "license": shipped.license,
        "library_name": "blackthorn",
        "pipeline_tag": "image-classification",
        **({"datasets": [shipped.dataset]} if shipped.on_hub else {}),
        "tags": tags,
        **({"model-index": [{"name": shipped.row, "results": [results]}]} if results["metrics"] else {}),
    }


def _metric(page: Page, row: str, metric: str) -> dict[str, Any] | None:
    found = estimate(page.accuracy.get((row, metric), []))
    if found is None:
        return None
    attack = page.attack(metric)
    name = "Accuracy" if attack is None else f"Accuracy under {metric} ({attack_words(page, metric)})"
    said = {"type": "accuracy", "name": name, "value": round(found.value, 6)}
    return said if attack is None else {**said, "args": attack}


def _measured(page: Page, row: str) -> list[str]:
    """The table of accuracies and proofs, beside those of the network that it was pruned from."""
    base = _base(page, row)
    lines = []
    for metric in page.columns:
        cells = page.shares(row, metric)
        if not cells:
            continue
        beside = [] if base is None else [_share(page.shares(base, metric))]
        alarms = ", ".join(dict.fromkeys(alarm for cell in cells for alarm in cell.record.alarms)) or "none"
        how, images = _how(page, metric, cells[0].record), f"{cells[0].record.n:,}"
        lines.append([metric, how, _share(cells), *beside, images, alarms if page.attack(metric) else ""])
    if not lines:
        return []
    heads = ["measure", "attack", "% right (95 % interval)", *([] if base is None else [base]), "images", "alarms"]
    said = (
        "An attack bounds robust accuracy from above: a stronger one may find more. An alarm says that the attack was "
        "hindered, so that the number must not be compared."
    )
    return ["## Accuracy and robustness", _table(heads, lines), said]


def _how(page: Page, metric: str, record: AccuracyRecord | CertifiedRecord) -> str:
    if isinstance(record, CertifiedRecord):
        return f"none: proved to stand, {record.norm}, eps {radius(record.eps)}"
    if page.attack(metric) is None:
        return "none"
    eps = "" if record.eps is None else f", eps {radius(record.eps)}"
    return attack_words(page, metric) + eps


def _share(cells: Sequence[Cell[AccuracyRecord] | Cell[CertifiedRecord]]) -> str:
    found = estimate(cells)
    if found is None:
        return "–"
    bound = "≤ " if any(cell.record.alarms for cell in cells) else ""
    return f"{bound}{percent(found.value)} ({percent(found.low)} to {percent(found.high)})"


def _costs(page: Page, row: str) -> list[str]:
    """Sparsity counted three ways, and a line for each form that was counted and timed."""
    parts = []
    gone = mean_zeros(page, row)
    if gone:
        shares = ", ".join(f"{percent(share)} % of its {what}" for what, share in gone.items())
        parts.append(f"Removed, or zero, are {shares}. (Units are filters and hidden linear units.)")
    spent = [cost for cost in costs(page) if cost.row == row]
    columns = list(dict.fromkeys((cost.metric, cost.batch) for cost in spent))
    held = {(cost.form, cost.metric, cost.batch): cost for cost in spent}
    lines = [
        [_form(row, form)] + [_amount(held.get((form, *column))) for column in columns]
        for form in dict.fromkeys(cost.form for cost in spent)
    ]
    if lines:
        parts.append(_table(["form", *(cost_title(*column) for column in columns)], lines))
    if any(metric == "latency" for metric, _ in columns):
        parts.append(
            "Latency is a median, of forms that took turns on the device named below, in PyTorch or the runtime named."
        )
    return ["## Size and speed", *parts] if parts else []


def _form(row: str, form: str) -> str:
    """ "shrunk onnx" -> "shrunk (cut down) in ONNX Runtime"; a file that is measured by itself is its row."""
    name, _, runtime = form.partition(" ")
    return f"{name} ({_FORMS[name]}){_RUNTIMES[runtime]}" if name in _FORMS and runtime in _RUNTIMES else row


def _amount(cost: Cost | None) -> str:
    return "–" if cost is None else amount(cost.value, cost.unit)


def _files(shipped: Shipped) -> list[str]:
    table = _table(["file", "size"], [[f"`{name}`", size(count)] for name, count in shipped.files.items()])
    return ["## Files", table, *shipped.notes]


def _licence(shipped: Shipped) -> str:
    if shipped.license == UNKNOWN:
        return "## Licence\n\nNone is stated. Whoever publishes this network writes one into the first lines."
    return f"## Licence\n\n{shipped.license}"


def _origin(page: Page) -> str:
    facts = "\n".join(f"- {name}: {held}" for name, held in provenance(page))
    told = f"`recipe.yaml` has every setting; `{page.command}` makes the network again."
    return f"## Where it comes from\n\n{told}\n\n{facts}"


def _base(page: Page, row: str) -> str | None:
    return page.grid.by_name[row].base if row in page.grid.by_name else None


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(place.replace("|", r"\|") for place in row) + " |" for row in rows)


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "images"
