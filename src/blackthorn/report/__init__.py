"""Records to pages: reads what was measured, never runs a model and never loads torch."""

from .page import write as write
from .records import Cell as Cell
from .records import Page as Page
from .records import Published as Published
from .records import Selected as Selected
from .records import Tried as Tried
from .records import Verdict as Verdict

__all__ = ["Cell", "Page", "Published", "Selected", "Tried", "Verdict", "write"]
