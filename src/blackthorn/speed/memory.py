"""Freed memory is kept for the next layer instead of given back to the operating system after every one.

The C library gives large blocks back as soon as they are free, and the next layer asks for them again, page by page.
That was a quarter to a third of the time of a forward pass of Wang's network, at 24 images and at 250. By itself it
stops doing so for blocks up to 32 MiB once one of that size has been freed, which a small network never does. The
layers of a large one are larger: with them kept too, training steps of a ResNet-18 in batches of 128 and of PARANA's
convolutional network are 1.2 and 1.15 times as fast (`benchmarks/memory.py`).
"""

import ctypes
import os
from functools import cache

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of mallopt(3)
_KEPT = 2**30  # bytes: more than the layers of a network that is trained on CPUs free at once


@cache
def keep_freed_memory() -> bool:
    """Once in a process: no block is a mapping of its own. True where that was done.

    What is free beyond 1 GiB at the end of the heap is given back as ever. Nothing is done where the C library is
    another, or was told what to do by the environment (`MALLOC_...`, `GLIBC_TUNABLES`).
    """
    told = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if told or os.name != "posix":
        return False
    library = ctypes.CDLL(None)
    if not all(hasattr(library, name) for name in ("mallopt", "gnu_get_libc_version")):
        return False
    return bool(library.mallopt(_MMAP_MAX, 0) and library.mallopt(_TRIM_THRESHOLD, _KEPT))
