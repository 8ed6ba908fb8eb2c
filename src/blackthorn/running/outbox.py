"""The folder in which a compression leaves what is shipped: the bundle, the page, and the recipe that made both."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..deploy.exporting import ENDINGS
from ..errors import StoreError
from ..files import in_place_of
from ..stages.artifacts import NETWORK
from .store import written

_PAGE, _RECIPE = "index.html", "recipe.yaml"
_SHIPPED = {NETWORK, *(f"network{ending}" for ending in ENDINGS.values())}


@dataclass(frozen=True)
class Outbox:
    """A folder that is empty, or that an earlier compression has written."""

    folder: Path

    @staticmethod
    def at(folder: Path, given: Iterable[Path]) -> "Outbox":
        """The outbox at a folder, which need not be there yet.

        Raises:
            StoreError: it holds files of something else, or one of the files `given` to compress.
        """
        if folder.exists() and not folder.is_dir():
            raise StoreError(f"--out {folder}: is a file; give a folder")
        if any(one.resolve() == (folder / NETWORK).resolve() for one in given):
            raise StoreError(f"--out {folder}: its {NETWORK} is the network to compress; give another folder")
        ours = (folder / _PAGE).is_file() and (folder / _RECIPE).is_file()
        if folder.is_dir() and not ours and any(folder.iterdir()):
            raise StoreError(f"--out {folder}: holds other files; give a new folder, or one of an earlier compression")
        return Outbox(folder)

    def ship(self, files: Mapping[str, Path]) -> None:
        """Put files there under these names; what an earlier compression left, which fulfilled other wishes, goes.

        Raises:
            StoreError: the folder cannot be written.
        """
        with written(self.folder):
            for name in _SHIPPED - files.keys():
                (self.folder / name).unlink(missing_ok=True)
            for name, file in files.items():
                with in_place_of(self.folder / name) as aside:
                    shutil.copyfile(file, aside)
