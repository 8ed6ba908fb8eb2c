"""What a measure attacks with, in the words and numbers of its records."""

import json

from .records import Page, number, text


def eps_of(page: Page, metric: str) -> float | None:
    """The radius of a measure; None without an attack, or before anything is measured."""
    attack = page.attack(metric)
    if not attack:
        return None
    record = next(cells[0].record for (_, name), cells in page.accuracy.items() if name == metric)
    eps = number(attack, "eps")
    return number(record, "eps") if eps is None else eps


def attack_words(page: Page, metric: str) -> str:
    """ "PGD, linf, steps 40": the attack without what changes along the axis, and whose gradients it follows."""
    attack = page.attack(metric) or {}
    record = next(cells[0].record for (_, name), cells in page.accuracy.items() if name == metric)
    norm = text(attack, "norm") or text(record, "norm")
    known = ("kind", "norm", "eps", "step_size")
    rest = [
        f"{key} {v if isinstance(v, (str, int, float)) else json.dumps(v)}"
        for key, v in attack.items()
        if key not in known
    ]
    source = text(record, "source") and f"on a {text(record, 'source')}"
    return ", ".join(part for part in (text(attack, "kind").upper() or metric, norm, *rest, source) if part)
