"""A product in parts, and threads that take them: as many as torch uses, from a pool of our own.

The kernel leaves the interpreter free, so these are plain threads, and torch's setting holds for them.
"""

import math
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import torch

from . import kernel as kernels
from .matrix import Matrix

_WORTH_A_THREAD = 2_000_000  # multiply-adds: handing work to a thread costs about 50 us, and so do they
_TOGETHER = 8
"""Blocks of images for which a panel's entries are read once."""


class Part(NamedTuple):
    """Some images, and some positions of the output, for one thread."""

    kernel: kernels.Kernel
    first: int
    images: int
    start: int
    stop: int

    def end(self, matrix: Matrix) -> tuple[int, int, int, int]:
        """Positions and scratch memory, with which every call of the kernel ends."""
        width = self.kernel.width
        outputs = (self.stop - self.start) * matrix.out_groups * math.ceil(self.images / width)
        inputs = matrix.panel * matrix.groups
        return self.start, self.stop, _scratch("inputs", inputs * width), _scratch("outputs", outputs * width)


def _errands(matrix: Matrix, n: int, threads: int, *, share_images: bool, share_outputs: bool) -> list[list[Part]]:
    """What threads take one after the other: some images each and, where these are fewer than threads, some outputs.

    Without `share_images`, because images add to the same place, an errand is some outputs of all images.
    """
    widest = kernels.WIDTHS[0]
    rest = n % widest
    narrow = min(width for width in kernels.WIDTHS if width >= rest)
    wide = n if narrow == widest else n - rest
    together = _TOGETHER if len(matrix.rows) > 1 else 1
    step = widest * max(1, min(together, math.ceil(wide / widest / threads)))
    images = [(widest, first, min(step, wide - first)) for first in range(0, wide, step)]
    images += [(narrow, wide, rest)] if wide < n else []
    shares = threads if not share_images else math.ceil(threads / max(len(images), 1)) if share_outputs else 1
    outputs = pairwise(matrix.out_length * share // shares for share in range(shares + 1))
    parts = [[Part(kernels.kernel(some[0]), *some[1:], *ends) for some in images] for ends in outputs]
    return [[part] for share in parts for part in share] if share_images else parts


def in_threads(
    work: Callable[[Part], None], matrix: Matrix, n: int, *, share_images: bool = True, share_outputs: bool = True
) -> None:
    """Do the work for `n` images in as many threads as torch uses, this one among them."""
    threads = max(1, min(torch.get_num_threads(), len(matrix.weight) * n // _WORTH_A_THREAD))
    left = deque(_errands(matrix, n, threads, share_images=share_images, share_outputs=share_outputs))
    caller, flush = threading.current_thread(), threads > 1 and _flushes()

    def take() -> None:
        if threading.current_thread() is not caller:
            torch.set_flush_denormal(flush)
        while True:
            try:
                errand = left.popleft()
            except IndexError:
                return
            for part in errand:
                work(part)

    helpers = [_pool().submit(take) for _ in range(min(threads, len(left)) - 1)]
    take()
    for helper in helpers:
        helper.result()


_memory = threading.local()


def _scratch(name: str, values: int) -> int:
    """The address of memory of this thread, kept from call to call, since new memory is slow memory."""
    held = getattr(_memory, name, None)
    if held is None or held.numel() < values:
        held = torch.empty(values, dtype=torch.float32, device="cpu")
        setattr(_memory, name, held)
    address: int = held.data_ptr()
    return address


def _flushes() -> bool:
    """Whether denormal floats are zero here; every thread has that setting for itself."""
    return bool((torch.tensor([1e-39], dtype=torch.float32, device="cpu") * 1.0 == 0).item())


_pools: list[ThreadPoolExecutor] = []


def _pool() -> ThreadPoolExecutor:
    if not _pools:
        _pools.append(ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="blackthorn-sparse"))
    return _pools[0]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # a forked process has none of its parent's threads
