"""How numbers are written on the page: percent, points, sizes, times, ratios."""

import re

_HYPHEN = re.compile(r"(?<![\w.\-])-(?=\.?\d)")  # before a number, and in no word, name or range
_SAME = 0.02  # ratios nearer to 1 than this are called the same


def minus(words: str) -> str:
    """Words in which negative numbers have a true minus: "apgd-t, -1.5 [-2, +1]" -> "apgd-t, −1.5 [−2, +1]"."""
    return _HYPHEN.sub("−", words)


def percent(fraction: float, digits: int = 1) -> str:
    """0.987 -> "98.7"; the sign % stands in the heading or is written by the sentence.

    By way of the two decimals of results.csv, from which the tables of a README are made: 98.85 % is then rounded alike
    on the page and there.
    """
    return f"{float(f'{100 * fraction:.2f}'):.{digits}f}"


def points(fraction: float, digits: int = 1) -> str:
    """A difference in percentage points, always signed, with a true minus."""
    shown = f"{100 * fraction:+.{digits}f}".replace("-", "−")
    return shown.replace("+", "±") if float(shown.replace("−", "-")) == 0 else shown


def count(value: float) -> str:
    """4310 -> "4,310"; 1663370 -> "1.66 M"."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{_three(value / (1e3 if unit == 'k' else size))} {unit}"
    return f"{value:,.0f}"


def size(value: float) -> str:
    """Bytes in decimal units: 1720320 -> "1.72 MB"."""
    for one, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= one:
            return f"{_three(value / one)} {unit}"
    return f"{value:.0f} B"


def milliseconds(value: float) -> str:
    """Three figures: 0.0213 -> "0.0213 ms"."""
    return f"{_three(value)} ms"


def amount(value: float, unit: str) -> str:
    """A cost in its own unit."""
    known = {"count": count, "bytes": size, "ms": milliseconds}
    return known[unit](value) if unit in known else f"{_three(value)} {unit}".strip()


def ratio(before: float, after: float, better: str, worse: str, same: str) -> str:
    """ratio(10, 4, "smaller", "larger", "same size") -> "2.5× smaller"."""
    if before <= 0 or after <= 0 or abs(after / before - 1) < _SAME:
        return same
    return f"{_times(before / after)} {better}" if after < before else f"{_times(after / before)} {worse}"


def radius(eps: float) -> str:
    """0.1 -> "0.1"; 8/255 -> "8/255"."""
    in_levels = eps * 255
    if eps and abs(in_levels - round(in_levels)) < 1e-4 and abs(eps * 1000 - round(eps * 1000)) > 1e-6:
        return f"{round(in_levels)}/255"
    return f"{eps:.4g}"


def names(words: list[str], limit: int = 4) -> str:
    """ "a, b and 7 more"."""
    if len(words) > limit:
        return f"{', '.join(words[:limit])} and {len(words) - limit} more"
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)


def _times(factor: float) -> str:
    return f"{factor:.0f}×" if factor >= 20 else f"{factor:.1f}×" if factor >= 1.1 else f"{factor:.2f}×"


def _three(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:#.3g}" if value else "0"
