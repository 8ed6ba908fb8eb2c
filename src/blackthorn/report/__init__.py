"""Records to pages: reads what was measured, never runs a model and never loads torch."""

from .comparison import compared as compared
from .page import Page as Page
from .reading import read_results as read_results
from .reading import table as table
from .recorded import recorded_grid as recorded_grid
from .recording import keep as keep
from .recording import record as record
from .views import View as View
from .writing import write as write

__all__ = ["Page", "View", "compared", "keep", "read_results", "record", "recorded_grid", "table", "write"]
