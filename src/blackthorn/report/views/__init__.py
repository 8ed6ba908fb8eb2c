"""The parts of the page, one file each; see `view.py` for how to add one."""

from . import (
    ablation,
    bars,
    classes,
    costs,
    curves,
    detection,
    differences,
    distortion,
    eps,
    fragility,
    gains,
    images,
    loss_surface,
    numbers,
    provenance,
    rates,
    results,
    robust_images,
    selected,
    sparsity,
    statements,
    summary,
    unfinished,
    vulnerability_maps,
    warnings,
)
from .view import Part as Part
from .view import View as View

VIEWS: tuple[Part, ...] = (
    unfinished.view,
    summary.view,
    results.view,
    bars.view,
    rates.view,
    gains.view,
    numbers.view,
    statements.view,
    selected.view,
    curves.whole,
    curves.layers,
    detection.view,
    eps.view,
    sparsity.view,
    differences.view,
    ablation.view,
    distortion.view,
    vulnerability_maps.view,
    loss_surface.view,
    classes.view,
    fragility.view,
    images.view,
    robust_images.view,
    costs.view,
    warnings.view,
    provenance.view,
)
"""Every part, in the order of the page."""

__all__ = ["VIEWS", "Part", "View"]
