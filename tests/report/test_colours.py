"""Colours that can be seen: contrast by the formula of WCAG 2.2, in light and in dark."""

import re
from itertools import combinations

import pytest

from blackthorn.report.charts.palette import COLOURS, SHAPES
from blackthorn.report.template import HERE

CSS = (HERE / "page.css").read_text("utf-8")
LIGHT, DARK = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
_SCHEMES = {"light": LIGHT, "dark": DARK}


def variables(scheme: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", _SCHEMES[scheme]))


def luminance(colour: str) -> float:
    """Relative luminance. WCAG 2.2, "relative luminance"."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_gives_the_published_extremes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the well-known grey that just fails 4.5


@pytest.mark.parametrize("scheme", _SCHEMES)
def test_every_series_has_a_contrast_of_three_to_one_where_it_is_drawn(scheme: str) -> None:
    held = variables(scheme)
    series = [colour for name, colour in held.items() if re.fullmatch(r"c\d", name)]
    assert len(series) == len(COLOURS) == len(SHAPES)
    for ground in ("ground", "paper"):
        assert min(contrast(colour, held[ground]) for colour in series) >= 3


@pytest.mark.parametrize("scheme", _SCHEMES)
def test_words_have_a_contrast_of_four_and_a_half_to_one(scheme: str) -> None:
    held = variables(scheme)
    for ground in ("ground", "paper", "wash"):
        assert min(contrast(held[name], held[ground]) for name in ("ink", "muted", "good", "bad", "accent")) >= 4.5


def test_files_have_the_colours_of_the_light_page() -> None:
    held = variables("light")
    assert tuple(held[f"c{place}"] for place in range(len(COLOURS))) == COLOURS
    assert min(contrast(colour, "#ffffff") for colour in COLOURS) >= 3


def test_no_two_series_have_nearly_the_same_colour() -> None:
    """Channels apart by more than a fifth of their range in sum."""

    def apart(one: str, other: str) -> int:
        return sum(abs(int(one[at : at + 2], 16) - int(other[at : at + 2], 16)) for at in (1, 3, 5))

    for scheme in _SCHEMES:
        series = [colour for name, colour in variables(scheme).items() if re.fullmatch(r"c\d", name)]
        assert min(apart(one, other) for one, other in combinations(series, 2)) > 0.2 * 255
