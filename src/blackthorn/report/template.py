"""Fill a template: HTML files beside this one and in `views/`, in which every value is escaped."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import minus

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

HERE = Path(__file__).parent


def fill(template: str, **values: Any) -> "Markup":
    """The template, such as "views/costs.html", with these values; a name that it wants and lacks is an error."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(**values))


def tight(words: str) -> str:
    """Numbers as they are printed: the sign % stays beside one, and a negative one has a true minus."""
    return minus(words.replace(" %", "\u00a0%"))


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["tight"] = tight
    return made
