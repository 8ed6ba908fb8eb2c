"""What a measure attacks with, in the words and numbers of its records."""

import json

from ..results import AccuracyRecord
from .page import Page
from .words import names, percent

_ACRONYM = 4  # letters: fgsm, pgd, apgd, fab


def eps_of(page: Page, metric: str) -> float | None:
    """The radius of a measure; None without an attack, or before anything is measured."""
    first = page.first(metric)
    return None if first is None or not first.attack else first.eps


def aims(page: Page, metric: str) -> bool:
    """Whether a measure adds one noise to all images, which aims at a class."""
    first = page.first(metric)
    return first is not None and first.targeted_success is not None


def attack_words(page: Page, metric: str) -> str:
    """ "PGD, linf, steps 40": the attack without what changes along the axis, and whose gradients it follows."""
    first = page.first(metric)
    if first is None:
        return metric
    attack = first.attack or {}
    norm = str(attack.get("norm") or first.norm or "")
    known = ("kind", "norm", "eps", "limit", "step_size")
    rest = [
        f"{key} {v if isinstance(v, (str, int, float)) else json.dumps(v)}"
        for key, v in attack.items()
        if key not in known
    ]
    source = f"on a {first.source}" if first.source else ""
    kind = kind_words(str(attack.get("kind", ""))) or metric
    return ", ".join(part for part in (kind, norm, *rest, source) if part)


def kind_words(kind: str) -> str:
    """ "PGD", "autoattack", "universal noise": what is short enough to be an acronym is written as one."""
    return kind.upper() if len(kind) <= _ACRONYM else kind.replace("_", " ")


def strongest(page: Page) -> list[str]:
    """Natural accuracy, and of each attack the measure with the largest eps."""
    largest: dict[str, tuple[float, str]] = {}
    for metric in page.accuracy_metrics:
        eps = eps_of(page, metric)
        if eps is not None:
            words = attack_words(page, metric)
            largest[words] = max(largest.get(words, (eps, metric)), (eps, metric), key=lambda held: held[0])
    chosen = [page.natural, *(metric for _, metric in largest.values())]
    return [metric for metric in chosen if metric is not None]


def fooled_words(record: AccuracyRecord) -> str:
    """ "standard: APGD-CE 310, APGD-T 14": the tier that made a number, and how many images each attack fooled."""
    counted = ", ".join(f"{name} {fooled:,}" for name, fooled in (record.contributions or {}).items())
    return f"{record.tier}: {counted}" if counted else str(record.tier)


def source_notes(page: Page) -> list[str]:
    """Measures whose images were crafted on another network: on what, and what that says of it; a line for all of which
    the same is said.
    """
    found: dict[str, list[str]] = {}
    for metric in page.accuracy_metrics:
        records = [cell.record for (_, name), cells in page.accuracy.items() if name == metric for cell in cells]
        sources = [record for record in records if record.source]
        if not sources:
            continue
        first = sources[0]
        told = [f"crafted on {'a substitute' if first.source == 'substitute' else 'another network'}"]
        if first.queries:
            told.append(f"trained on {first.queries:,} answers")
        if alike := sorted(record.agreement for record in sources if record.agreement is not None):
            spread = percent(alike[0]) if alike[0] == alike[-1] else f"{percent(alike[0])} to {percent(alike[-1])}"
            told.append(f"giving {spread} % of untouched images the measured network's label")
        if first.first:
            told.append(f"the first {first.first:,} test images are left out")
        found.setdefault(", ".join(told), []).append(metric)
    return [f"{names(metrics)}: {said}" for said, metrics in found.items()]
