"""What a measure attacks with, in the words and numbers of its records."""

import json

from .records import Page, number, text
from .words import names, percent


def eps_of(page: Page, metric: str) -> float | None:
    """The radius of a measure; None without an attack, or before anything is measured."""
    attack = page.attack(metric)
    if not attack:
        return None
    record = next(cells[0].record for (_, name), cells in page.accuracy.items() if name == metric)
    eps = number(attack, "eps")
    return number(record, "eps") if eps is None else eps


def is_noise(page: Page, metric: str) -> bool:
    """Whether a measure adds one noise to all images."""
    return text(page.attack(metric) or {}, "kind") == "universal_noise"


def attack_words(page: Page, metric: str) -> str:
    """ "PGD, linf, steps 40": the attack without what changes along the axis, and whose gradients it follows."""
    attack = page.attack(metric) or {}
    record = next(cells[0].record for (_, name), cells in page.accuracy.items() if name == metric)
    norm = text(attack, "norm") or text(record, "norm")
    known = ("kind", "norm", "eps", "limit", "step_size")
    rest = [
        f"{key} {v if isinstance(v, (str, int, float)) else json.dumps(v)}"
        for key, v in attack.items()
        if key not in known
    ]
    source = text(record, "source") and f"on a {text(record, 'source')}"
    kind = text(attack, "kind").replace("_", " ").upper() or metric
    return ", ".join(part for part in (kind, norm, *rest, source) if part)


def source_notes(page: Page) -> list[str]:
    """Measures whose images were crafted on another network: on what, and what that says of it; a line for all of which
    the same is said.
    """
    found: dict[str, list[str]] = {}
    for metric in page.accuracy_metrics:
        records = [cell.record for (_, name), cells in page.accuracy.items() if name == metric for cell in cells]
        sources = [record for record in records if record.get("source")]
        if not sources:
            continue
        told = [f"crafted on {'a substitute' if sources[0]['source'] == 'substitute' else 'another network'}"]
        if queries := number(sources[0], "queries"):
            told.append(f"trained on {queries:,.0f} answers")
        if alike := sorted(share for record in sources if (share := number(record, "agreement")) is not None):
            spread = percent(alike[0]) if alike[0] == alike[-1] else f"{percent(alike[0])} to {percent(alike[-1])}"
            told.append(f"giving {spread} % of untouched images the measured network's label")
        if first := number(sources[0], "first"):
            told.append(f"the first {first:,.0f} test images are left out")
        found.setdefault(", ".join(told), []).append(metric)
    return [f"{names(metrics)}: {said}" for said, metrics in found.items()]
