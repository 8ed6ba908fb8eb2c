"""The objectives on clean images. `Adversarial` minimises any of them on adversarial images too."""

from .standard import CrossEntropy, LinearQuadratic

CleanObjective = CrossEntropy | LinearQuadratic
"""Every objective that looks at the images as they are; a new one is listed here and nowhere else."""
