"""Starting the ranks of a command on this machine: the same command once for each, and one line when one ends badly.

Nothing heavy is imported, since the process that starts the others only waits for them.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

from ..errors import RanksError, RecipeError

LAUNCHED = "BLACKTHORN_LAUNCHED"
"""In the environment of a rank that a command has started, which speaks for it when it is stopped."""
_LOOK = 0.1  # seconds between looks at whether the ranks live
_GRACE = 10.0  # seconds for the other ranks to notice that one has ended
_END = 5.0  # seconds for a rank that is asked to end


@dataclass(frozen=True)
class AskedRanks:
    """What the environment says, as `torchrun` writes it."""

    rank: int
    count: int
    local: int
    """The number of the rank on its machine."""
    locals: int
    """How many ranks its machine has."""


def asked_ranks() -> AskedRanks | None:
    """Which of several ranks this process is to be; None for a process by itself.

    Raises:
        RecipeError: the environment names a rank that cannot be.
    """
    said = {name: os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")}
    if said["RANK"] is None or said["WORLD_SIZE"] in (None, "1"):
        return None
    try:
        rank, count = int(said["RANK"]), int(said["WORLD_SIZE"] or 1)
        asked = AskedRanks(rank, count, int(said["LOCAL_RANK"] or rank), int(said["LOCAL_WORLD_SIZE"] or count))
    except ValueError:
        asked = AskedRanks(-1, 0, 0, 0)
    if not 0 <= asked.rank < asked.count:
        raise RecipeError(
            f"RANK={said['RANK']} and WORLD_SIZE={said['WORLD_SIZE']} in the environment name no rank; start by "
            "torchrun, or with --devices"
        )
    return asked


def launch(count: int, words: Sequence[str]) -> int:
    """Run `blackthorn WORDS` as so many ranks, and return the exit code; the first rank speaks for all.

    Raises:
        RanksError: a rank has ended badly, and the first could not say why.
    """
    port = _free_port()
    started = [_Rank(rank, count, words, port) for rank in range(count)]
    try:
        failed = _first_failed(started)
        _wait(started, _GRACE)
        code = started[0].process.poll()
    finally:
        _stop(started)
    if failed is None or (code is not None and code > 0):
        return code or 0  # the first rank has said why
    raise RanksError(f"rank {failed.rank} of {count} {failed.end()}; run the same command again to go on")


def watch_starter() -> None:
    """End this rank when the command that started it is gone: its standard input then ends."""

    def follow() -> None:
        with suppress(OSError):
            while os.read(0, 1):  # not by Python's own reader, whose lock would outlive the interpreter
                pass
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


class _Rank:
    """A process that was started as a rank."""

    def __init__(self, rank: int, count: int, words: Sequence[str], port: int) -> None:
        self.rank = rank
        self._words: IO[bytes] | None = None if rank == 0 else TemporaryFile()  # noqa: SIM115  # as long as the rank
        mine = {
            "RANK": str(rank),
            "WORLD_SIZE": str(count),
            "LOCAL_RANK": str(rank),
            "LOCAL_WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            LAUNCHED: "1",
        }
        threads = str(max(1, len(os.sched_getaffinity(0)) // count)) if hasattr(os, "sched_getaffinity") else "1"
        loopback = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": self._words} if rank else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "blackthorn", *words],
            env={"OMP_NUM_THREADS": threads, **loopback, **os.environ, **mine},
            stdin=subprocess.PIPE,
            **quiet,
        )

    def end(self) -> str:
        """How it ended, and its last words."""
        code = self.process.returncode or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        if self._words is None:
            return how
        self._words.seek(0)
        said = self._words.read().decode(errors="replace").split("\n")
        last = next((line for line in reversed(said) if line.strip()), "").removeprefix("blackthorn: ")
        return f"{how} ({last[:300]})" if last else how


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _first_failed(started: Sequence[_Rank]) -> _Rank | None:
    """The first rank that ends badly; None when the first one has ended well."""
    while True:
        for one in started:
            if one.process.poll():
                return one
        if started[0].process.poll() == 0:
            return None
        time.sleep(_LOOK)


def _wait(started: Sequence[_Rank], seconds: float) -> None:
    end = time.monotonic() + seconds
    while any(one.process.poll() is None for one in started) and time.monotonic() < end:
        time.sleep(_LOOK)


def _stop(started: Sequence[_Rank]) -> None:
    """End the ranks that are left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for one in started:
            if one.process.poll() is None:
                one.process.send_signal(number)
        _wait(started, _END)
