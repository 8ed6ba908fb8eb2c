"""A network that someone else can run."""

from .bundle import Bundle as Bundle
from .bundle import load as load
from .bundle import save as save

__all__ = ["Bundle", "load", "save"]
