"""An attack alone, as other libraries run it: no squares try what it leaves standing, so Square does not go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def alone() -> Iterator[None]:
    """Within it the engine runs what it is given, unless a gradient itself rings an alarm."""
    with patch("blackthorn.attacks.craft.fooled_blindly", lambda *given: {}):
        yield
