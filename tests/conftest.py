"""One thread, no network, and a cache of its own: tests are about numbers, not about this machine."""

import os
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"  # two workers share the cores; more threads only get in each other's way
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["BLACKTHORN_CACHE"] = os.path.join(tempfile.gettempdir(), f"blackthorn-test-cache-{os.getuid()}")
os.environ.pop("BLACKTHORN_DATA", None)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # processes that tests start would compile the package again each time

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _as_at_the_start() -> None:
    _begin()


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """What a fixture makes does not depend on the tests that ran before."""
    _begin()


def _begin() -> None:
    torch.manual_seed(0)
    torch.set_flush_denormal(False)  # commands that ran in this process have set it
    torch.set_num_threads(1)  # and this: sums in another order round otherwise
