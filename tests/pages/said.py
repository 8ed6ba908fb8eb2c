"""Where the numbers in the sentences of a page come from, so that a test can compute each of them again.

A page of results ends in a comment, which readers of the rendered page do not see:

    <!-- said
    gains 5.9 points [3.7, 8.0] = robust dataset - standard, pgd l2, seed 0
    much the same, 26.8 and 30.3 % = robust dataset, pgd l2, seed 0; robust dataset, pgd l2, seed 1
    -->

On the left are words of the page; their numbers are, in order, those of the sources on the right. A number has as many
digits as it shows, and its sign where it shows one; its interval may follow in brackets. A source is one of

    ROW, METRIC                      what the measure gave, with its interval
    ROW - ROW, METRIC                a difference, image by image where both kept their flags, with its interval
    ROW, METRIC - METRIC             the same of one network, on the images that both have
    paper ROW, METRIC                the published number; a difference likewise
    in FILE: NAME=CELL, ...: NAME    of the one line of a CSV file, or of the rows of a benchmark, that has these cells;
                                     CELL alone is enough where no other line has it; " - in FILE: ..." takes away
    setting                          it stands in the recipe
    quoted                           from the text of the paper; no file here holds it

The first three take ", seed 0" for one seed. After "least", "most" or "mean" the names of rows and metrics may have *,
and ", each seed" stands for every seed by itself. "/ SOURCE" makes a ratio, and "% SOURCE / SOURCE" one in percent;
there, a source may be a plain number, so that "% SOURCE / 1" is a share in percent. Elsewhere a plain number marks what
was not measured, such as the radius, class or rate that a sentence is about, and checks nothing. The name of a folder
and a colon before a source say that it is another page's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .sources import NUMBER, lines_of, settings, value

INTERVAL = re.compile(r"\[([+-]?[\d.]+), ([+-]?[\d.]+)\]")


@dataclass(frozen=True)
class Said:
    """Words of a page, and the sources of their numbers."""

    words: str
    sources: tuple[str, ...]


def said(page: str) -> list[Said]:
    """What a page says of its numbers."""
    found = re.search(r"<!-- said\n(.*?)\n-->", page, re.DOTALL)
    lines = [line.partition(" = ") for line in found[1].splitlines()] if found else []
    return [Said(words.strip(), tuple(source.strip() for source in rest.split(";"))) for words, _, rest in lines]


def prose(page: str) -> str:
    """The page on one line, without its code, what is made from files, and the table of how it was measured."""
    page = re.sub(r"<!-- (results|statements|table) ?[\w-]* -->.*?<!-- /\1 -->", " ", page, flags=re.DOTALL)
    page = re.sub(
        r"```.*?```|<!--.*?-->|`[^`]*`|\]\([^)]*\)|^\| \| \|\n(?:\|[^\n]*\n)*",
        " ",
        page,
        flags=re.DOTALL | re.MULTILINE,
    )
    return " ".join(page.replace("|", " ").split())


def wrong(one: Said, folder: Path) -> Iterator[str]:
    """What is not as its sources have it."""
    intervals = INTERVAL.findall(one.words)
    numbers = NUMBER.findall(INTERVAL.sub("", one.words))
    if len(numbers) != len(one.sources) or len(intervals) > len(numbers):
        yield f"{len(numbers)} numbers, {len(intervals)} intervals and {len(one.sources)} sources in {one.words!r}"
        return
    values = [value(source, folder) for source in one.sources]
    with_interval = values if len(intervals) == len(values) else [v for v in values if v and v.low is not None]
    for number, source, found in zip(numbers, one.sources, values):
        if source == "setting" and float(number.replace(",", "")) not in settings(folder):
            yield f"{number} in {one.words!r} is no setting of the recipe"
        if found is not None and not agree(number, found.value):
            yield f"{number} in {one.words!r} is {found.value:.3f} by {source!r}"
    for ends, found in zip(intervals, with_interval):
        if found is None or found.low is None or found.high is None:
            yield f"no interval for {ends} in {one.words!r}"
        elif not _same(ends, found.low, found.high) and not _same(ends, -found.high, -found.low):
            yield f"{ends} in {one.words!r} is [{found.low:.3f}, {found.high:.3f}]"


def _same(printed: tuple[str, str], low: float, high: float) -> bool:
    return agree(printed[0], low, signed=True) and agree(printed[1], high, signed=True)


def agree(printed: str, found: float, signed: bool = False) -> bool:
    """Whether a number is printed as it was found, to its last digit; a loss may be printed without its sign."""
    digits = printed.replace(",", "")
    half = 0.5 * 10.0 ** -len(digits.partition(".")[2]) + 1e-9
    if digits[0] not in "+-" and not signed:
        found = abs(found)
    return abs(float(digits) - found) <= half


def uncovered(page: str, sources: str, folder: Path) -> list[str]:
    """The numbers with decimals on a page, other than those in names of measures, for which no source is said."""
    text = prose(page)
    for one in sorted(said(sources), key=lambda one: -len(one.words)):
        text = text.replace(one.words, NUMBER.sub("", INTERVAL.sub("", one.words)))
    for name in sorted(_names(folder), key=len, reverse=True):
        text = text.replace(name, "")
    return [text[max(0, match.start() - 40) : match.end()] for match in NUMBER.finditer(text) if "." in match[0]]


def _names(folder: Path) -> set[str]:
    files = [folder / name for name in ("results.csv", "detection.csv") if (folder / name).is_file()]
    lines = [line for file in files for line in lines_of(file)]
    return {line["metric"] for line in lines} | {line["noise"] for line in lines if line.get("noise")}
