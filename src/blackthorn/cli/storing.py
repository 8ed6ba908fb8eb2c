"""What `blackthorn store` shows and does: recipes, stages, sizes and ages; comparing checksums; removing what is left.

It loads no torch, and reads only names and sizes unless it is asked to compare checksums.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.progress import track
from rich.table import Table
from rich.text import Text

from ..errors import StoreError
from ..running.keeping import Unneeded, noted, remove, unneeded, without_note
from ..running.opening import is_store, store_at
from ..running.store import Held, Store

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def opened(store: str) -> Store:
    """The store of that name.

    Raises:
        StoreError: there is none.
    """
    if not is_store(store):
        raise StoreError(f"--store {store}: holds no stages; give the one that was given to blackthorn run")
    return store_at(store)


def listing(store: Store, *, stages: bool = False) -> list[Table | Text]:
    """The recipes of a store, its stages by kind or one by one, and what can be removed.

    Raises:
        StoreError: the store cannot be read.
    """
    everything, recipes = store.held(), noted(store)
    sizes = {one.stage: one.size for one in everything if one.finished}
    users: dict[str, list[str]] = {}
    for recipe in recipes:
        for name in recipe.stages:
            users.setdefault(name, []).append(recipe.name)
    shown: list[Table | Text] = []
    rows = []
    for recipe in recipes:
        there = [name for name in recipe.stages if name in sizes]
        alone = sum(sizes[name] for name in there if len(users[name]) == 1)
        done = f"{len(there)} of {len(recipe.stages)}"
        size = decimal(sum(sizes[name] for name in there))
        rows.append((recipe.name, done, size, decimal(alone), _age(recipe.time), recipe.command))
    if rows:
        shown.append(_table(("recipe", "stages", "size", "its own", "last run", "command"), rows))
    finished = [one for one in everything if one.finished]
    shown.append(_one_by_one(store, finished, users) if stages else _by_kind(finished))
    shown += [Text(line) for line in _remarks(store, everything, users)]
    return shown


def _by_kind(finished: Sequence[Held]) -> Table:
    kinds: dict[str, list[Held]] = {}
    for one in finished:
        kinds.setdefault(one.kind, []).append(one)
    rows = []
    for kind, some in sorted(kinds.items(), key=lambda item: -sum(one.size for one in item[1])):
        times = [one.time for one in some]
        rows.append((kind, str(len(some)), decimal(sum(one.size for one in some)), _age(min(times)), _age(max(times))))
    rows.append(("all", str(len(finished)), decimal(sum(one.size for one in finished)), "", ""))
    return _table(("kind", "stages", "size", "oldest", "newest"), rows)


def _one_by_one(store: Store, finished: Sequence[Held], users: dict[str, list[str]]) -> Table:
    rows = []
    folders = store.folders((one.stage for one in finished if one.finished), "stage.json")
    for one in sorted(finished, key=lambda one: -one.size):
        label = _label(folders.get(one.name))
        rows.append((one.stage, decimal(one.size), _age(one.time), label, ", ".join(users.get(one.stage, []))))
    return _table(("stage", "size", "age", "is", "needed by"), rows)


def _remarks(store: Store, everything: Sequence[Held], users: dict[str, list[str]]) -> Iterable[str]:
    attempts = [one for one in everything if not one.finished]
    working = sum(store.in_work(one.stage) for one in attempts)
    if working:
        yield f"{working} stages are in work."
    if len(attempts) > working:
        yield f"{len(attempts) - working} stages were interrupted; running their recipe again goes on with them."
    for name in without_note(store):
        yield f"It is not known what reports/{name} needs: an older version made it. Draw it again with a report."
    left = [one for one in everything if one.finished and one.stage not in users]
    if left:
        size = decimal(sum(one.size for one in left))
        yield f"{len(left)} stages ({size}) are needed by no recipe above; --prune removes them."


def verified(store: Store) -> str:
    """Compare every file of a store with its checksum.

    Raises:
        StoreError: files differ; names the first, and says how many there are.
    """
    names, console = sorted(store.names()), Console(stderr=True)
    looked = track(names, "Comparing", console=console, transient=True, disable=not console.is_terminal)
    faults = [(line, name) for name in looked for line in store.faults(name)]
    if faults:
        (first, stage), more = faults[0], f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise StoreError(f"{first}{more}; {store.remedy(stage)} and run again")
    older = store.unsealed(names)
    told = f"{older} of an older version have no checksums" if older else "none without checksums"
    return f"{len(names)} finished stages, {told}; every file with a checksum is as it was written"


def pruned(store: Store, keep: Sequence[str], *, yes: bool, say: Callable[[Table | Text], None]) -> str:
    """Show what none of the named recipes needs, and remove it if a person agrees; returns what was done.

    Raises:
        StoreError: nobody can be asked, or a recipe is not there, or the store cannot be read or written.
    """
    unwanted = unneeded(store, keep)
    if not unwanted.folders and not unwanted.recipes:
        return "Nothing to remove: every stage is needed."
    say(_one_by_one(store, unwanted.folders, {one: ["(interrupted)"] for one in _interrupted(unwanted)}))
    for recipe in unwanted.recipes:
        say(Text(f"{recipe.name} is forgotten; its report stays."))
    for recipe in unwanted.working:
        say(Text(f"{recipe.name} stays: it is being run."))
    size = decimal(sum(one.size for one in unwanted.folders))
    if not yes:
        if not sys.stdin.isatty():
            raise StoreError(f"{store.place()}: nothing is removed without being asked for; add --yes")
        answer = Console(stderr=True).input(f"Remove {len(unwanted.folders)} folders of stages, {size}? \\[y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            return "Nothing was removed."
    gone = remove(store, unwanted)
    left = len(unwanted.folders) - len(gone)
    more = f"; {left} stay, since they came into work" if left else ""
    return f"Removed {len(gone)} folders of stages, {decimal(sum(one.size for one in gone))}{more}."


def _interrupted(unwanted: Unneeded) -> Iterable[str]:
    return (one.stage for one in unwanted.folders if not one.finished)


def _label(folder: Path | None) -> str:
    """What people read of a stage; a damaged file is the business of --verify."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        return "" if folder is None else str(json.loads((folder / "stage.json").read_text("utf-8"))["label"])
    return ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        numeric = column in ("stages", "size", "its own", "last run", "oldest", "newest", "age")
        table.add_column(column, overflow="fold", justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _age(then: float) -> str:
    """How long ago, in one unit: 12 s, 5 min, 3 h, 40 d."""
    seconds = max(0.0, time.time() - then)
    size, unit = next((one for one in _UNITS if seconds >= one[0]), _UNITS[-1])
    return f"{int(seconds / size)} {unit}"
