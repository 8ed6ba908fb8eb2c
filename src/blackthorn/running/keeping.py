"""What a store holds, which recipes need it, and how what none of them needs is removed. Loads no torch.

A run leaves a note of the stages of its plan, `STORE/recipes/NAME.json`, under the name of its report. What no note
names is left from recipes that were changed since, or from those whose notes were removed.
"""

import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError, did_you_mean
from ..files import write_whole
from .store import Store, written


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


@dataclass(frozen=True)
class Held:
    """A folder of the store: a stage that is finished, or an attempt at one."""

    path: Path
    size: int
    """Bytes."""
    time: float
    """When it was finished, or last worked on, in seconds since 1970."""

    @property
    def stage(self) -> str:
        """The name of the stage."""
        return self.path.name.partition(".")[0]

    @property
    def kind(self) -> str:
        """What the stage does."""
        return self.stage.rpartition("-")[0]

    @property
    def key(self) -> str:
        """The stage's address."""
        return self.stage.rpartition("-")[2]

    @property
    def finished(self) -> bool:
        """Whether it is a finished stage."""
        return not self.path.name.endswith(".partial")


def note(store: Store, name: str, command: str, stages: Iterable[str]) -> None:
    """Keep in mind which stages a recipe needs.

    Raises:
        StoreError: the store cannot be written.
    """
    with written(store.folder):
        (store.folder / "recipes").mkdir(exist_ok=True)
        said = {"command": command, "stages": sorted(stages)}
        write_whole(store.folder / "recipes" / f"{name}.json", json.dumps(said, indent=1).encode())


def noted(store: Store) -> list[Noted]:
    """The recipes of a store, the last one first.

    Raises:
        StoreError: a note is damaged, or cannot be read.
    """
    found = []
    for path in (store.folder / "recipes").glob("*.json"):
        try:
            said = json.loads(path.read_text("utf-8"))
            one = Noted(path.stem, str(said["command"]), frozenset(map(str, said["stages"])), path.stat().st_mtime)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as problem:
            why = getattr(problem, "strerror", None) or "it is no note of a recipe"
            raise StoreError(f"{path}: cannot be read ({why}); delete it and run the recipe again") from None
        if one.stages:  # else it was forgotten
            found.append(one)
    return sorted(found, key=lambda one: -one.time)


def without_note(store: Store) -> list[str]:
    """The reports of which it is not known what they need, since an older version made them."""
    known = {path.stem for path in (store.folder / "recipes").glob("*.json")}
    reports = [path for path in (store.folder / "reports").glob("*") if path.is_dir() and not path.is_symlink()]
    return sorted({path.name for path in reports} - known)


def held(store: Store) -> list[Held]:
    """The folders of all stages, finished or not, by name.

    Raises:
        StoreError: the store cannot be read.
    """
    found = []
    try:
        for path in sorted((store.folder / "stages").iterdir()):
            try:
                files = [file.stat() for file in path.iterdir()]
                time = max((file.st_mtime for file in files), default=path.stat().st_mtime)
            except (FileNotFoundError, NotADirectoryError):  # finished, or removed, just now; or no stage at all
                continue
            found.append(Held(path, sum(file.st_size for file in files), time))
    except OSError as problem:
        raise StoreError(f"{store.folder}: cannot be read ({problem.strerror or problem})") from None
    return found


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
    recipes, everything = noted(store), held(store)
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
    working = {one.stage for one in everything if not one.finished and store.in_work(one.key)}
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
        with store.lease(folder.key) as lease, written(store.folder):
            if lease is None:
                continue
            lease.finished = True
            aside = folder.path.with_name(f".{folder.path.name[:100]}.{secrets.token_hex(8)}.partial")
            try:
                os.replace(folder.path, aside)
            except FileNotFoundError:  # another command was first
                continue
            shutil.rmtree(aside)
        gone.append(folder)
    return gone
