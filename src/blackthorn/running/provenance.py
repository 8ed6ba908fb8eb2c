"""What a number was made with: version, commit, torch, device."""

import platform
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..data import Splits
from ..results import Record
from ..speed.ranks import ranks


def made_with(device: torch.device) -> dict[str, Any]:
    """The program and the machine, as they go into every record."""
    return {
        "version": __version__,
        "commit": commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "threads": torch.get_num_threads(),
        **({"ranks": count} if (count := ranks().count) > 1 else {}),
    }


@cache
def commit() -> str:
    """The commit of the source that runs, with a plus when it was changed since; empty outside a checkout."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=here, capture_output=True, text=True, timeout=5
        )
        if head.returncode:
            return ""
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", str(here)],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


@cache
def processor() -> str:
    """The name of the CPU."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def facts(
    records: Sequence[Record], seeds: Sequence[int], splits: Splits, spent: float, seconds: float | None
) -> dict[str, str]:
    """What a page says about where its numbers come from: fact -> words.

    Args:
        records: all that was measured.
        seeds: those of the recipe.
        splits: the images.
        spent: seconds of computing, in all stages.
        seconds: how long the command worked; None for one that only writes a report.
    """

    def all_of(said: Iterable[object]) -> str:
        return ", ".join(sorted({str(one) for one in said if one}))

    found = {
        "version": __version__,
        "commit": all_of(record.commit for record in records) or commit(),
        "seeds": ", ".join(map(str, seeds)),
        "data": f"{splits.name}, {len(splits.train):,} train, {len(splits.valid):,} validation, "
        f"{len(splits.test):,} test images, fingerprint {splits.fingerprint}",
        "device": all_of(record.device for record in records),
        "threads": all_of(record.threads for record in records),
        "torch": all_of(record.torch for record in records) or torch.__version__,
        "python": all_of(record.python for record in records),
        "computing time": _duration(spent) + " in all stages",
        "this run": "" if seconds is None else _duration(seconds),
    }
    return {fact: words for fact, words in found.items() if words}


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
