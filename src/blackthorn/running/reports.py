"""Which folder a report gets: one that people can read, and that belongs to no other question."""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..recipes.reading import name_of
from ..recipes.request import Request
from .store import Store, written

_OWNERS = "reports/owners.json"


def report_name(store: Store, request: Request) -> str:
    """RECIPE-PRESET, with the changes behind it where there are any, such as `r-full-seeds-0-1-3f2a90`.

    Where another recipe file has the name already, that of the recipe's own folder is added.

    Raises:
        StoreError: the store cannot be written.
    """
    file = str(Path(request.recipe).resolve()) if request.recipe.endswith((".yaml", ".yml")) else request.recipe
    owner = json.dumps([file, request.preset, *_changes(request)])
    name = ""

    def with_ours(before: bytes | None) -> bytes:
        nonlocal name
        owners = _read(before)
        name = next(name for name in _names(request, file, owner) if _free(owners.get(name), owner, store))
        if before is not None and owners.get(name) == owner:
            return before
        return json.dumps({**owners, name: owner}, indent=1).encode()

    store.change(_OWNERS, with_ours)
    return name


def report_folder(store: Store, request: Request) -> Path:
    """`STORE/reports/NAME`, to which `STORE/reports/last` leads afterwards.

    Raises:
        StoreError: the folder cannot be written.
    """
    folder = store.folder / "reports" / report_name(store, request)
    with written(store.folder):
        folder.mkdir(parents=True, exist_ok=True)
        _link(folder.with_name("last"), folder.name)
    return folder


def _changes(request: Request) -> list[str]:
    seeds = [] if request.seeds is None else ["seeds=" + ",".join(map(str, request.seeds))]
    model = [] if request.model is None else [f"model={request.model}"]
    merged = [f"merge={report}" for report in request.merge]
    made = [] if request.made is None else [json.dumps(request.made, sort_keys=True, default=_class)]
    return [*seeds, *model, *request.changes, *merged, *made]


def _class(held: object) -> str:
    """What is said of a network in memory."""
    return type(held).__name__


def _names(request: Request, file: str, owner: str) -> Iterator[str]:
    plain = f"{name_of(request.recipe)}-{request.preset}"
    changes = [] if request.made is not None else _changes(request)
    digits = hashlib.sha256(owner.encode()).hexdigest()
    if changes:
        words = "-".join(re.sub(r"\W+", "-", change.rpartition(".")[2]).strip("-") for change in changes)
        plain = f"{plain}-{words[:40].strip('-')}-{digits[:6]}"
    yield plain
    if Path(file).parent.name:
        yield f"{plain}-{re.sub(r'[^-.+ 0-9A-Za-z_]', '_', Path(file).parent.name)[:40]}"
    yield f"{plain}-{digits[:12]}"
    yield f"{plain}-{digits}"


def _free(held: str | None, owner: str, store: Store) -> bool:
    """Whether nobody has the folder, or its owner's recipe was moved away."""
    if held is None or held == owner:
        return True
    with suppress(ValueError, TypeError, IndexError):
        file, mine = json.loads(held), json.loads(owner)
        return file[1:] == mine[1:] and file[0].endswith((".yaml", ".yml")) and store.gone(file[0])
    return True


def _read(content: bytes | None) -> dict[str, str]:
    """Nothing where the file is missing or damaged: it can be made again."""
    with suppress(ValueError, AttributeError, RecursionError):
        return {str(name): str(owner) for name, owner in json.loads(content or b"{}").items()}
    return {}


def _link(link: Path, name: str) -> None:
    """Let a link lead to the folder of that name; systems without links go without."""
    aside = link.with_name(f".last.{secrets.token_hex(8)}")
    with suppress(OSError, NotImplementedError):
        aside.symlink_to(name, target_is_directory=True)
        os.replace(aside, link)
