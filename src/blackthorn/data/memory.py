"""How much memory images may take: a share of the machine's, or so many bytes."""

import os
import re
from contextlib import suppress
from pathlib import Path

from ..errors import DataError

SHARE = 0.25
"""Of the machine's memory, by default: several trainings may share a machine, and networks want memory too."""

_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)}
_UNITS |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(%|[kmgt]?i?b|)\s*", re.IGNORECASE)
_CONTAINERS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_UNKNOWN = 8 * 1024**3  # bytes, where the system does not say how much it has


def allowed(memory: float | str) -> int:
    """How many bytes are meant.

    Args:
        memory: a share of the machine's memory, 0.25 or "25%"; or bytes, 2_000_000_000, "500 MB" or "2 GiB". Numbers
            up to 1 are shares.
    Raises:
        DataError: it is neither.
    """
    said = None if isinstance(memory, bool) else _WRITTEN.fullmatch(str(memory))
    if said is None:
        raise DataError(
            f"memory: read {memory!r}; write a share of the machine's, such as 25%, or bytes, such as 2 GiB"
        )
    number, unit = float(said[1]), said[2].lower()
    if unit == "%" or (not unit and number <= 1):
        share = number / 100 if unit else number
        if share > 1:
            raise DataError(f"memory: read {memory!r}; a share is at most 100%")
        return int(share * machine_memory())
    return int(number * _UNITS[unit])


def machine_memory() -> int:
    """Bytes of memory that this machine has, or that its container allows."""
    known = []
    with suppress(AttributeError, OSError, ValueError):
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _CONTAINERS:
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            known.append(int(Path(path).read_text("ascii")))
    return min((one for one in known if one > 0), default=_UNKNOWN)


def in_words(size: int) -> str:
    """A number of bytes for people: 12.3 GB."""
    for unit, factor in (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:,} bytes"
