"""Show that a change of the code changed no result: compare the store of a run before it with one after it.

    git stash; blackthorn run quickstart --preset smoke --store before; git stash pop
    blackthorn run quickstart --preset smoke --store after
    python benchmarks/compare_stores.py before after

Compared are the addresses of all finished stages; what the records before say, but for time and provenance (records
after may say more); the answer to every image; every CSV file of the reports byte for byte, but for measured times;
and the words of every page as a set, since parts of it may change places. Prints what differs and exits with 1; prints
what was compared and exits with 0.
"""

import argparse
import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_OF_THE_RUN = {"seconds", "version", "commit", "torch", "python", "device", "threads"}
"""What a record says about where and when it was made, not about the network."""
_TIMES = {"latency"}
"""Metrics of the cost table that no two runs share."""


def differences(before: Path, after: Path) -> Iterator[str]:
    """A line for each thing that is not the same in both stores."""
    stages = [{folder.name for folder in (store / "stages").iterdir()} for store in (before, after)]
    yield from (f"stage {name}: only before" for name in sorted(stages[0] - stages[1]))
    yield from (f"stage {name}: only after" for name in sorted(stages[1] - stages[0]))
    for name in sorted(stages[0] & stages[1]):
        one, other = before / "stages" / name, after / "stages" / name
        records, others = _records(one), _records(other)
        if len(records) != len(others) or not all(_says_as_much(new, old) for old, new in zip(records, others)):
            yield f"stage {name}: records differ"
        if _content(one / "flags.npy") != _content(other / "flags.npy"):
            yield f"stage {name}: answers differ"
    for one in sorted(path.parent for path in (before / "reports").glob("*/index.html") if path.parent.name != "last"):
        report, other = one.name, after / "reports" / one.name
        if not (other / "index.html").exists():
            yield f"report {report}: only before"
            continue
        tables = {path.name for folder in (one, other) for path in folder.glob("*.csv")}
        for table in sorted(tables):
            if _table(one / table) != _table(other / table):
                yield f"report {report}: {table} differs"
        figures = [{path.name for path in (folder / "figures").glob("*.svg")} for folder in (one, other)]
        if figures[0] != figures[1]:
            yield f"report {report}: figures differ: {sorted(figures[0] ^ figures[1])}"
        lost, gained = _words(one) - _words(other), _words(other) - _words(one)
        if lost or gained:
            yield f"report {report}: the page lost {list(lost)[:8]} and gained {list(gained)[:8]}"


def _records(folder: Path) -> list[dict[str, Any]]:
    """Records but for provenance, time and what is not known; those of a cost but for times."""
    path = folder / "records.jsonl"
    read = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    return [
        {key: held for key, held in record.items() if key not in _OF_THE_RUN and held not in (None, "", [])}
        for record in read
        if record.get("metric") not in _TIMES
    ]


def _says_as_much(new: dict[str, Any], old: dict[str, Any]) -> bool:
    return all(key in new and new[key] == held for key, held in old.items())


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _table(path: Path) -> list[list[str]] | bytes:
    """A table as bytes; one that has measured times as lines without these."""
    if path.name not in ("costs.csv", "statements.csv"):
        return _content(path)
    lines = csv.reader(io.StringIO(path.read_text("utf-8")) if path.exists() else io.StringIO())
    return [line for line in lines if line[1] not in _TIMES and "network's time" not in line[-1]]


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._skipped += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.found += data.split()


def _words(report: Path) -> "Counter[str]":
    """The words of a page that hold no measured time, each with how often it stands there."""
    text = _Text()
    text.feed((report / "index.html").read_text("utf-8"))
    words = re.sub(r"[0-9.]+ (ms|s|min)\b", "", " ".join(text.found))
    return Counter(word for word in words.split() if not re.search(r"[0-9]", word))


def main() -> None:
    """Compare the two stores that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    asked = parser.parse_args()
    found = list(differences(asked.before, asked.after))
    print("\n".join(found))
    stages = len(list((asked.before / "stages").iterdir()))
    reports = len([path for path in (asked.before / "reports").iterdir() if path.is_dir()])
    print(f"{len(found)} differences in {stages} stages and {reports} reports")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
