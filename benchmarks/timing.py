"""Side by side: every candidate runs once in each round, so that a machine that slows down slows down all of them."""

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch


def rounds(
    candidates: Mapping[str, Callable[[], object]], n: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each candidate in each of `n` rounds, after one round that is not counted; the order rotates."""
    order = list(candidates)
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(n + 1):
        for name in order:
            start = clock()
            candidates[name]()
            if number:
                seconds[name].append(clock() - start)
        order.append(order.pop(0))
    return seconds


class Apart:
    """A candidate in a process of its own, so that it gains nothing by what another one asks of its process.

    Args:
        make: gives what is timed; a function of a module.
        given: its arguments.
    """

    def __init__(self, make: Callable[..., Callable[[], Any]], *given: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._end, other = context.Pipe()
        context.Process(target=_answer, args=(make, given, torch.get_num_threads(), other), daemon=True).start()
        self.took: dict[str, float] = {"perf_counter": 0.0, "process_time": 0.0}
        """Seconds of all calls so far, by either clock."""
        self.found: Any = None
        """What the last call returned."""

    def __call__(self) -> None:
        """Let it work once."""
        self._end.send(None)
        took, self.found = self._end.recv()
        self.took = {clock: self.took[clock] + took[clock] for clock in self.took}


def _answer(make: Callable[..., Callable[[], Any]], given: tuple[Any, ...], threads: int, asked: Connection) -> None:
    """Work once for each request, until the other end is closed."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    candidate = make(*given)
    while True:
        try:
            asked.recv()
        except EOFError:
            return
        before = {clock: getattr(time, clock)() for clock in ("perf_counter", "process_time")}
        found = candidate()
        asked.send(({clock: getattr(time, clock)() - start for clock, start in before.items()}, found))


def rounds_apart(
    candidates: Mapping[str, Apart], n: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """As `rounds`, of candidates that have processes of their own; they work one at a time."""
    return rounds(candidates, n, lambda: sum(candidate.took[clock.__name__] for candidate in candidates.values()))


def table(
    seconds: Mapping[str, list[float]], reference: str, extra: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Print median, range, and the median of the ratios round by round against `reference`; return the rows."""
    rows = []
    for name, took in seconds.items():
        ratios = [base / own for base, own in zip(seconds[reference], took)]
        rows.append(
            {
                "name": name,
                "median_s": statistics.median(took),
                "min_s": min(took),
                "max_s": max(took),
                "times_faster": statistics.median(ratios),
                "rounds": len(took),
                "note": (extra or {}).get(name, ""),
            }
        )
        row = rows[-1]
        print(
            f"{name:34s} {row['median_s'] * 1e3:10.1f} ms  [{row['min_s'] * 1e3:.1f}, {row['max_s'] * 1e3:.1f}]  "
            f"{row['times_faster']:6.2f}x  {row['note']}",
            flush=True,
        )
    return rows


def arguments(description: str | None, **own: dict[str, Any]) -> argparse.Namespace:
    """Options that every benchmark has, and those of one alone: name -> what `add_argument` takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data-root", type=Path, default=None, help="folder with a folder mnist; else the hub")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--store", type=Path, default=Path("runs"), help="where the benchmarked networks are trained, once"
    )
    parser.add_argument("--out", type=Path, default=None, help="JSON file to write the rows to")
    parser.add_argument(
        "--images", type=int, default=None, help="attack so many images; each benchmark has its default"
    )
    parser.add_argument("--only", default=None, help="only this one of several parts, such as a network by name")
    parser.add_argument("--threads", type=int, default=None, help="of torch; all that it takes by itself by default")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="time of the processor instead of the clock's, on a machine with other work",
    )
    for name, option in own.items():
        parser.add_argument(f"--{name}", **option)
    options = parser.parse_args()
    options.clock = time.process_time if options.cpu_time else time.perf_counter
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    return options


def finish(name: str, rows: list[dict[str, Any]], out: Path | None) -> None:
    """Write the rows with what they were measured on."""
    from blackthorn.running.provenance import made_with

    about = {"benchmark": name, **made_with(torch.device("cpu")), "rows": rows}
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(about, indent=1))
