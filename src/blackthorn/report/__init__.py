"""Records to pages: reads what was measured, never runs a model and never loads torch."""

from .page import Page as Page
from .recorded import recorded_grid as recorded_grid
from .recording import record as record
from .views import View as View
from .writing import write as write

__all__ = ["Page", "View", "record", "recorded_grid", "write"]
