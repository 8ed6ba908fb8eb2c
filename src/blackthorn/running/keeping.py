"""Which recipes need what a store holds, and how what none of them needs is removed. Loads no torch.

A run leaves a note of the stages of its plan, `STORE/recipes/NAME.json`, under the name of its report. What no note
names is left from recipes that were changed since, or from those whose notes were removed.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..errors import StoreError, did_you_mean
from .store import Held, Store


@dataclass(frozen=True)
class Noted:
    """A recipe of the store, as it was last asked for."""

    name: str
    """That of its report: RECIPE-PRESET, and changes."""
    command: str
    stages: frozenset[str]
    """Names of their folders, whether finished or not."""
    time: float
    """When it was asked for, in seconds since 1970."""


def note(store: Store, name: str, command: str, stages: Iterable[str]) -> None:
    """Keep in mind which stages a recipe needs.

    Raises:
        StoreError: the store cannot be written.
    """
    said = {"command": command, "stages": sorted(stages)}
    store.write(_file(name), json.dumps(said, indent=1).encode())


def noted(store: Store) -> list[Noted]:
    """The recipes of a store, the last one first.

    Raises:
        StoreError: a note is damaged, or cannot be read.
    """
    found = []
    for name, time in _names(store).items():
        content = store.read(_file(name)) or b""
        try:
            said = json.loads(content)
            one = Noted(name, str(said["command"]), frozenset(map(str, said["stages"])), time)
        except (ValueError, TypeError, KeyError, RecursionError):
            place, why = store.place(_file(name)), "it is no note of a recipe"
            raise StoreError(f"{place}: cannot be read ({why}); delete it and run the recipe again") from None
        if one.stages:  # else it was forgotten
            found.append(one)
    return sorted(found, key=lambda one: -one.time)


def without_note(store: Store) -> list[str]:
    """The reports of which it is not known what they need, since an older version made them."""
    known = set(_names(store))
    reports = [path for path in (store.folder / "reports").glob("*") if path.is_dir() and not path.is_symlink()]
    return sorted({path.name for path in reports} - known)


@dataclass(frozen=True)
class Unneeded:
    """What can be removed from a store."""

    folders: list[Held]
    recipes: list[Noted]
    """Which are forgotten, since they are not to be kept."""
    working: list[Noted]
    """Recipes that are kept only because one of their stages is in work."""


def unneeded(store: Store, keep: Collection[str] = ()) -> Unneeded:
    """What none of the named recipes needs; by default, what none of the store's recipes needs.

    Raises:
        StoreError: there is no recipe of that name, or it is not known what a report needs, or the store cannot be
            read.
    """
    recipes, everything = noted(store), store.held()
    names = {one.name for one in recipes}
    for name in keep:
        if name not in names:
            raise StoreError(f"--keep {name}: the store has no such recipe; {did_you_mean(name, names)}")
    unknown = without_note(store)
    if unknown and not keep:
        raise StoreError(
            f"{store.folder / 'reports' / unknown[0]}: an older version made it, and it is not known which stages it "
            "needs; draw it again with blackthorn report, or name with --keep all that is to stay"
        )
    working = {one.stage for one in everything if not one.finished and store.in_work(one.stage)}
    kept = [one for one in recipes if not keep or one.name in keep]
    busy = [one for one in recipes if one not in kept and one.stages & working]
    needed = working.union(*(one.stages for one in (*kept, *busy)))
    return Unneeded(
        [one for one in everything if one.stage not in needed],
        [one for one in recipes if one not in kept and one not in busy],
        busy,
    )


def remove(store: Store, unwanted: Unneeded) -> list[Held]:
    """Forget recipes and remove folders, each at once for whoever looks, and return the folders that are gone.

    A stage that has come into work meanwhile stays. Reports stay too: a page stands by itself.

    Raises:
        StoreError: the store cannot be written.
    """
    gone = []
    for one in unwanted.recipes:
        note(store, one.name, one.command, [])
    for folder in unwanted.folders:
        with store.lease(folder.stage) as lease:
            if lease is None:
                continue
            lease.finished = True
            if store.remove(folder.name):
                gone.append(folder)
    return gone


def _file(name: str) -> str:
    return f"recipes/{name}.json"


def _names(store: Store) -> dict[str, float]:
    """The names of all notes, and when each was written."""
    listed = store.listed("recipes").items()
    return {name.removesuffix(".json"): time for name, time in listed if name.endswith(".json")}
