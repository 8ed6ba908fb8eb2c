"""Which code a factory of somebody's own is: imported to be run, and looked up, never imported, for a report.

A network is kept under an address into which the files of its factory enter. A factory that its package only passes on
is written in a file that is known after importing. So a run leaves a note in `STORE/code.json`, and a report reads it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..data import Splits
from ..models.foreign import file_of
from ..recipes.planning import foreign_code
from ..values import address
from .store import Store, unreadable

_FILE = "code.json"


@dataclass(frozen=True)
class Code:
    """A hash of the code of an architecture; a function for `plan`."""

    store: Store
    splits: Splits
    importing: bool
    """Whether the factory may be imported; a report must not."""
    _found: dict[str, str] = field(default_factory=dict)

    def __call__(self, model: Mapping[str, Any]) -> str | None:
        """Twelve hexadecimal digits; None for a built-in network.

        Raises:
            ModelError: there is no such factory.
            StoreError: the note in the store is damaged or cannot be written.
        """
        kind = str(model.get("kind", ""))
        if ":" not in kind:
            return None
        file = file_of(kind)
        seen = hashlib.sha256(file.read_bytes() if file is not None and file.is_file() else b"").hexdigest()[:12]
        noted = self._noted(self.store.read(_FILE))
        options = address([dict(model), list(self.splits.shape), self.splits.num_classes])
        names = (f"{kind} {seen} {options}", f"{kind} {seen}")  # older versions wrote the second
        known = next((noted[name] for name in names if name in noted), seen)
        if not self.importing:
            return known
        if options not in self._found:
            self._found[options] = foreign_code(model, self.splits) or ""
        found = self._found[options]
        if found != known:

            def with_ours(before: bytes | None) -> bytes:
                return json.dumps({**self._noted(before), names[0]: found}, indent=1).encode()

            self.store.change(_FILE, with_ours)
        return found

    def _noted(self, content: bytes | None) -> dict[str, str]:
        if content is None:
            return {}
        try:
            return {str(name): str(code) for name, code in json.loads(content).items()}
        except (ValueError, AttributeError, RecursionError) as problem:
            raise unreadable(self.store, _FILE, str(problem)) from None
