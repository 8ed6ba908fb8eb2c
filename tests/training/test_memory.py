"""Freed memory stays with the process, unless somebody has told the C library what to do."""

import platform
import resource

import pytest
import torch

from blackthorn.speed.memory import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library decides by itself")
@pytest.mark.parametrize("mib", [16, 128])
def test_the_same_memory_is_used_again(mib: int) -> None:
    if not keep_freed_memory():
        pytest.skip("the environment says what the C library is to do")
    for _ in range(5):
        torch.ones(mib * 2**18)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(mib * 2**18)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert faults < 10 * mib * 256  # pages of 4 KiB; 20 times as many where every block is given back


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_what_the_environment_says_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert keep_freed_memory.__wrapped__() is False
