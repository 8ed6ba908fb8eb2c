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
from ..running.keeping import Held, Unneeded, held, noted, remove, unneeded, without_note
from ..running.store import Store, unsealed

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def opened(store: Path) -> Store:
    """The store in that folder.

    Raises:
        StoreError: there is none.
    """
    if not (store / "stages").is_dir():
        raise StoreError(f"--store {store}: holds no stages; give the folder that was given to blackthorn run")
    return Store(store)


def listing(store: Store, *, stages: bool = False) -> list[Table | Text]:
    """The recipes of a store, its stages by kind or one by one, and what can be removed.

    Raises:
        StoreError: the store cannot be read.
    """
    everything, recipes = held(store), noted(store)
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
    shown.append(_one_by_one(finished, users) if stages else _by_kind(finished))
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


def _one_by_one(finished: Sequence[Held], users: dict[str, list[str]]) -> Table:
    rows = []
    for one in sorted(finished, key=lambda one: -one.size):
        rows.append((one.stage, decimal(one.size), _age(one.time), _label(one), ", ".join(users.get(one.stage, []))))
    return _table(("stage", "size", "age", "is", "needed by"), rows)


def _remarks(store: Store, everything: Sequence[Held], users: dict[str, list[str]]) -> Iterable[str]:
    attempts = [one for one in everything if not one.finished]
    working = sum(store.in_work(one.key) for one in attempts)
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
    folders, console = store.finished(), Console(stderr=True)
    looked = track(folders, "Comparing", console=console, transient=True, disable=not console.is_terminal)
    faults = [line for folder in looked for line in store.faults(folder)]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise StoreError(f"{faults[0]}{more}; delete the folder of the stage and run again")
    older = unsealed(folders)
    told = f"{older} of an older version have no checksums" if older else "none without checksums"
    return f"{len(folders)} finished stages, {told}; every file with a checksum is as it was written"


def pruned(store: Store, keep: Sequence[str], *, yes: bool, say: Callable[[Table | Text], None]) -> str:
    """Show what none of the named recipes needs, and remove it if a person agrees; returns what was done.

    Raises:
        StoreError: nobody can be asked, or a recipe is not there, or the store cannot be read or written.
    """
    unwanted = unneeded(store, keep)
    if not unwanted.folders and not unwanted.recipes:
        return "Nothing to remove: every stage is needed."
    say(_one_by_one(unwanted.folders, {one: ["(interrupted)"] for one in _interrupted(unwanted)}))
    for recipe in unwanted.recipes:
        say(Text(f"{recipe.name} is forgotten; its report stays."))
    for recipe in unwanted.working:
        say(Text(f"{recipe.name} stays: it is being run."))
    size = decimal(sum(one.size for one in unwanted.folders))
    if not yes:
        if not sys.stdin.isatty():
            raise StoreError(f"{store.folder}: nothing is removed without being asked for; add --yes")
        answer = Console(stderr=True).input(f"Remove {len(unwanted.folders)} folders of stages, {size}? \\[y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            return "Nothing was removed."
    gone = remove(store, unwanted)
    left = len(unwanted.folders) - len(gone)
    more = f"; {left} stay, since they came into work" if left else ""
    return f"Removed {len(gone)} folders of stages, {decimal(sum(one.size for one in gone))}{more}."


def _interrupted(unwanted: Unneeded) -> Iterable[str]:
    return (one.stage for one in unwanted.folders if not one.finished)


def _label(one: Held) -> str:
    """What people read of a stage; a damaged file is the business of --verify."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        return str(json.loads((one.path / "stage.json").read_text("utf-8"))["label"])
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
