"""Freed memory stays with the process, unless somebody has told the C library what to do."""

import os
import platform
import subprocess
import sys

import pytest

from blackthorn.speed.memory import keep_freed_memory

_FAULTS = """
import resource, sys, torch
from blackthorn.speed.memory import keep_freed_memory

kept, mib = keep_freed_memory(), int(sys.argv[1])
for _ in range(5):
    torch.ones(mib * 2**18)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(mib * 2**18)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library decides by itself")
@pytest.mark.parametrize("mib", [16, 128])
def test_the_same_memory_is_used_again(mib: int) -> None:
    """In a process of its own, where nothing lies between the blocks."""
    told = {name: text for name, text in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    ran = subprocess.run(
        [sys.executable, "-c", _FAULTS, str(mib)], env=told, check=True, capture_output=True, text=True
    )
    kept, faults = ran.stdout.split()
    assert kept == "True"
    assert int(faults) < 10 * mib * 256  # pages of 4 KiB; 20 times as many where every block is given back


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_what_the_environment_says_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert keep_freed_memory.__wrapped__() is False
