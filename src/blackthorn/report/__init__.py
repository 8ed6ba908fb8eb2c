"""Records to pages: reads what was measured, never runs a model and never loads torch."""

from .page import Page as Page
from .views import View as View
from .writing import write as write

__all__ = ["Page", "View", "write"]
