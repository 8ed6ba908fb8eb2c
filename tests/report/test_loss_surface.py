"""Loss surfaces in the report: one scale for all networks, cross-sections, and every point in a file."""

import csv
import io
import math
from pathlib import Path

import pytest

from blackthorn.report import write
from blackthorn.report.views.loss_surface import surface_csv, surfaces, view

from .demo import bare, pictures


def test_all_networks_have_the_same_bands_and_both_sections_the_same_axis(tmp_path: Path) -> None:
    made = view(pictures(tmp_path))
    assert made is not None
    contours, sections = made.charts
    assert [panel.title for panel in contours.panels] == ["standard", "at", "anp-vs"]
    colours = [str(panel.spec["layer"][0]["encoding"]["color"]) for panel in contours.panels]  # type: ignore[index]
    assert len(set(colours)) == 1 and contours.series[-1] == "5 and more"
    assert [panel.title for panel in sections.panels] == ["Along the gradient's sign", "Along a random direction"]
    axes = [str(panel.spec["layer"][0]["encoding"]["y"]) for panel in sections.panels]  # type: ignore[index]
    assert len(set(axes)) == 1 and "log" in axes[0]
    assert list(sections.series) == ["standard", "at", "anp-vs"]


def test_a_surface_is_told_in_words_and_in_numbers(tmp_path: Path) -> None:
    made = view(pictures(tmp_path))
    assert made is not None
    spoken = made.charts[0].panels[0].spoken
    assert "0.1 at the images, up to 5.46 along the gradient's sign, up to 0.15 along a random direction" in spoken
    assert "masked gradients" in made.html and "+5.36" in made.html and "+4.82 – +5.9" in made.html


def test_seeds_are_averaged_and_every_point_is_in_the_file(tmp_path: Path) -> None:
    first, *_ = surfaces(pictures(tmp_path, seeds=(0, 1)))
    assert first.centre == pytest.approx(0.105)
    assert first.rise.seeds == (0, 1) and first.rise.value == pytest.approx(0.1 * (math.exp(4) - 1))
    lines = list(csv.DictReader(io.StringIO(surface_csv([first]))))
    assert len(lines) == 11 * 11
    assert lines[60] == {
        "row": "standard",
        "metric": "loss surface",
        "along": "0",
        "across": "0",
        "loss": "0.105",
        "n": "100",
        "seeds": "0 1",
    }
    assert [line["along"] for line in lines[::11]][:3] == ["-0.3", "-0.24", "-0.18"]


@pytest.mark.slow
def test_the_files_are_written_and_go_away_with_the_measure(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    html = write(folder, pictures(tmp_path)).read_text(encoding="utf-8")
    names = ["loss-surface.csv", *(f"figures/{name}.{kind}" for name in NAMES for kind in ("png", "svg"))]
    assert 'id="loss-surface"' in html and all((folder / name).is_file() for name in names)
    write(folder, bare(tmp_path))
    assert not any((folder / name).exists() for name in names)
    assert view(bare(tmp_path)) is None


NAMES = ("loss-surface", "loss-sections", "vulnerability-maps-1", "vulnerability-maps-2")
