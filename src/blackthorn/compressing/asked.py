"""What is to be compressed, and what is wished of it, as a command or a program says it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ..data import Splits
from ..errors import DataError, RecipeError, StoreError
from ..experiment import AnyPath, Experiment, found_device
from ..recipes.complaints import one_line
from ..recipes.compression import Compression
from ..recipes.given import allowed, name_of, safe
from ..recipes.request import Request
from ..report.model_card import UNKNOWN
from ..shipping.folder import RECIPE, a_license
from ..stages.artifacts import NETWORK
from ..types import Progress
from ..values import ValidationError, parse

PAGE = "index.html"


@dataclass(frozen=True)
class Asked:
    """What is to be compressed, and what is wished."""

    network: nn.Module | str
    weights: str | None
    images: str | Splits
    options: Mapping[str, Any]
    """Those of a `Compression`, as they were written; None stands for what was not."""
    resize: int | None = None
    out: AnyPath | None = None
    license: str = UNKNOWN
    """Under which licence the folder is given away: a word of the hub."""
    called: bool = False
    """Whether factories that it names may be called although a file, and no person, names them."""
    allow_code: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """The words of the command line."""

    @property
    def compression(self) -> Compression:
        """The options, checked.

        Raises:
            RecipeError: one of them is refused.
        """
        options = {name: given for name, given in self.options.items() if given is not None}
        try:
            made: Compression = parse(Compression, options)
        except ValidationError as error:
            raise RecipeError(f"compress: {one_line(error, options)}") from None
        return made

    def request(
        self,
        without: Collection[str] = (),
        chosen: str | None = None,
        exported: Sequence[str] = (),
        found: str = "",
    ) -> Request:
        """The recipe: without the networks that cannot be had, with the audit of the chosen one, and what was found.

        Raises:
            RecipeError: an option or the network is refused.
        """
        source = self.images if isinstance(self.images, str) else self.images.name
        data = {"source": source, **({} if self.resize is None else {"resize": self.resize})}
        made = self.compression.recipe(
            self.network,
            data,
            weights=self.weights,
            without=without,
            chosen=chosen,
            exported=exported,
            found=found,
        )
        agreed = allowed(made, [self.network], called=self.called)
        name = f"compress-{safe(next(iter(made['networks'])))}"
        return Request(name, allow_code=(*self.allow_code, *agreed), made=made, said=self.said)

    @property
    def folder(self) -> Path:
        """Where everything is written: a folder that is not there yet, is empty, or is that of an earlier compression.

        Raises:
            StoreError: it holds files of something else, or the network to compress.
        """
        named = f"{safe(name_of(self.network, self.weights))}-compressed"
        folder = Path(named if self.out is None else self.out)
        if folder.exists() and not folder.is_dir():
            raise StoreError(f"--out {folder}: is a file; give a folder")
        given = [Path(one).resolve() for one in (self.network, self.weights) if isinstance(one, str)]
        if (folder / NETWORK).resolve() in given:
            raise StoreError(f"--out {folder}: its {NETWORK} is the network to compress; give another folder")
        ours = all((folder / name).is_file() for name in (PAGE, RECIPE))
        if folder.is_dir() and not ours and any(folder.iterdir()):
            raise StoreError(f"--out {folder}: holds other files; give a new folder, or one of an earlier compression")
        return folder

    def prepare(
        self, store: AnyPath, data_root: AnyPath | None, device: str | None, progress: Progress | None = None
    ) -> Experiment:
        """The sweep, with its images.

        Raises:
            BlackthornError: anything refused, before anything is trained.
        """
        _ = self.folder, a_license(self.license)  # refused before anything is trained
        splits = None if isinstance(self.images, str) else self.images
        experiment = Experiment.prepare(
            self.request(), store, data_root, device=found_device(device), splits=splits, progress=progress
        )
        if not len(experiment.splits.train):
            raise DataError(f"{experiment.splits.name}: there are no training images to fine-tune on; give some")
        return experiment
