"""Freed memory is kept for the next layer instead of given back to the operating system after every one.

The C library gives large blocks back as soon as they are free, and the next layer asks for them again, page by page.
That was a quarter to a third of the time of a forward pass of Wang's network, at 24 images and at 250. By itself it
stops doing so once a block of 32 MiB has been freed, which a small network never does.
"""

import ctypes
import os
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)
_LARGE = 2**25  # bytes: DEFAULT_MMAP_THRESHOLD_MAX of glibc, the most that its own rule comes to


@cache
def keep_freed_memory() -> bool:
    """Once in a process: set the thresholds to where glibc's own rule ends. True where that was done.

    Blocks above 32 MiB are given back as ever, and so is what is free beyond 64 MiB. Nothing is done where the C
    library is another, or was told what to do by the environment (`MALLOC_...`, `GLIBC_TUNABLES`).
    """
    told = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if told or os.name != "posix":
        return False
    library = ctypes.CDLL(None)
    if not all(hasattr(library, name) for name in ("mallopt", "gnu_get_libc_version")):
        return False
    return bool(library.mallopt(_MMAP_THRESHOLD, _LARGE) and library.mallopt(_TRIM_THRESHOLD, 2 * _LARGE))
