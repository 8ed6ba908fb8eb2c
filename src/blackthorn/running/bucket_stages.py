"""The finished stages of a bucket, and their files brought to this machine.

A stage is finished by one write on the condition that nothing is there: its manifest, which names an attempt whose
files are all there, and their checksums. Who writes it second has finished nothing.

Files are brought when they are asked for, one by one, and compared with their checksums on the way. They stay, in a
local folder with the ETag of their manifest in its name: if the stage is removed and made again, that is another one.
"""

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import StoreError
from ..seal import SEAL, sealed, write_seal
from .objects import ChangedError, Listed, Objects
from .store import Held

_FEW = 16  # stages that are asked for one by one; for more, all are listed, a thousand with each request


@dataclass(frozen=True)
class Manifest:
    """What is finished: an attempt, and the checksums of its files."""

    attempt: str
    sums: Mapping[str, str]

    def content(self) -> bytes:
        """As it is written."""
        return json.dumps({"attempt": self.attempt, "files": dict(self.sums)}, indent=1).encode()


def manifest_of(stage: str) -> str:
    """The key of a stage's manifest."""
    return f"finished/{stage}.json"


def files_of(stage: str, attempt: str = "") -> str:
    """What the keys of a stage's files begin with, or of those of an attempt."""
    return f"stages/{stage}/{attempt}/" if attempt else f"stages/{stage}/"


def plain(name: str) -> bool:
    """Whether what a bucket calls so is a name, and leads nowhere else as a path."""
    return re.fullmatch(r"[^./\\][^/\\]*", name) is not None


def beside(objects: Objects, folder: str) -> dict[str, Listed]:
    """The objects FOLDER/NAME.json by NAME."""
    names = {one.key.removeprefix(f"{folder}/"): one for one in objects.listed(f"{folder}/")}
    return {name.removesuffix(".json"): one for name, one in names.items() if name.endswith(".json") and plain(name)}


class BucketStages:
    """Finished stages, in a bucket and in a local folder."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self._objects, self._folder = objects, folder

    def manifests(self) -> dict[str, Listed]:
        """Those of all finished stages, by their names."""
        return beside(self._objects, "finished")

    def folders(self, stages: Iterable[str], files: tuple[str, ...]) -> dict[str, Path]:
        """Bring these files of stages, by default all, unless they are here from before.

        Raises:
            StoreError: a file has changed since it was written, or the bucket cannot be read.
            OSError: the local folder cannot be written.
        """
        names = list(dict.fromkeys(stages))
        if len(names) > _FEW:
            listed = self.manifests()
            tags: dict[str, str | None] = {name: listed[name].etag for name in names if name in listed}
        else:
            tags = dict.fromkeys(names)
        found = self._objects.each(lambda one: (one[0], self._brought(*one, files)), tags.items())
        return {name: folder for name, folder in found if folder is not None}

    def _brought(self, stage: str, tag: str | None, files: tuple[str, ...]) -> Path | None:
        """The local folder of a stage, whose manifest has that ETag if it is known; None where it is not finished."""
        if tag is not None and _complete(folder := self.local(stage, tag), files):
            return folder
        read = self._objects.get(manifest_of(stage))
        if read is None:
            return None
        folder = self.local(stage, read.etag)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            manifest = self._read(stage, read.content)
            if not (folder / SEAL).is_file():
                write_seal(folder, manifest.sums)
            for name in files or manifest.sums:
                if name in manifest.sums and not (folder / name).is_file():
                    key = files_of(stage, manifest.attempt) + name
                    self._objects.download(key, folder / name, manifest.sums[name])
        except ChangedError as problem:
            raise StoreError(f"{problem}; {self.remedy(stage)} and run again") from None
        return folder

    def faults(self, stage: str) -> list[str]:
        """Read every object of a finished stage and compare it with its checksum: a line for each that differs."""
        found = self._objects.get(manifest_of(stage))
        if found is None:
            return []
        try:
            manifest = self._read(stage, found.content)
        except ChangedError as problem:
            return [str(problem)]

        def compared(name: str) -> list[str]:
            try:
                self._objects.compare(files_of(stage, manifest.attempt) + name, manifest.sums[name])
            except ChangedError as problem:
                return [str(problem)]
            return []

        return [line for lines in self._objects.each(compared, manifest.sums) for line in lines]

    def remedy(self, stage: str) -> str:
        """To delete the manifest: the stage is then not finished."""
        return f"delete {self._objects.url}/{manifest_of(stage)}"

    def _read(self, stage: str, content: bytes) -> Manifest:
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            said = json.loads(content)
            manifest = Manifest(str(said["attempt"]), {str(name): str(known) for name, known in said["files"].items()})
            if all(map(plain, (manifest.attempt, *manifest.sums))):
                return manifest
        raise ChangedError(f"{self._objects.url}/{manifest_of(stage)}: is no manifest of a stage")

    def held(self) -> list[Held]:
        """Every stage with a manifest, and every other one with files or a lease."""
        done, found = self.manifests(), dict[str, list[Listed]]()
        for one in self._objects.listed("stages/"):
            found.setdefault(one.key.split("/")[1], []).append(one)
        for name, one in beside(self._objects, "leases").items():
            found.setdefault(name, []).append(replace(one, size=0))
        held = {}
        for name in filter(plain, {*done, *found}):
            size = sum(one.size for one in found.get(name, ()))
            if name in done:
                held[name] = Held(name, size, done[name].time)
            else:
                held[name] = Held(f"{name}.partial", size, max(one.time for one in found[name]))
        return [held[name] for name in sorted(held)]

    def remove(self, name: str) -> bool:
        """Delete the manifest, after which the stage is not finished, and then what is there of it now."""
        stage = name.partition(".")[0]
        done, keys = self._objects.there(manifest_of(stage)), [one.key for one in self._objects.listed(files_of(stage))]
        if done != (name == stage):  # finished, or removed, by another command
            return False
        self._objects.delete([manifest_of(stage)])
        self._objects.delete(keys)
        shutil.rmtree(self.here(stage), ignore_errors=True)
        return True

    def here(self, stage: str) -> Path:
        """Where everything lies that this machine has of a stage."""
        return self._folder / stage

    def local(self, stage: str, tag: str) -> Path:
        """Where the files lie that a manifest with that ETag names."""
        return self.here(stage) / re.sub(r"[^0-9A-Za-z-]", "", tag)


def _complete(folder: Path, files: tuple[str, ...]) -> bool:
    """Whether these files were brought before, or all."""
    with suppress(OSError, ValueError):
        names = sealed(folder)
        return names is not None and all((folder / name).is_file() for name in files or names if name in names)
    return False
