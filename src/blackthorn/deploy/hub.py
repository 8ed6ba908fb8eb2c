"""The Hugging Face hub: a folder of a network goes to a repository there, and a bundle comes from one."""

import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..data.hub import reachable
from ..errors import BundleError
from ..files import one_line

SCHEME = "hf://"
_WHERE = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^/\s]+))?(?:/(?P<file>[^\s]+))?")
_NETWORK = "network.safetensors"  # as it lies in a folder that ships
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".joblib")
"""Endings of files that may run code when somebody reads them."""
T = TypeVar("T")


def push(folder: str | os.PathLike[str], repo: str, *, private: bool = False, message: str = "Ship a network") -> str:
    """Upload a folder to a model repository on the hub, which is made if it is not there.

    The token is that of `hf auth login`, or HF_TOKEN. Hidden files stay here.

    Args:
        folder: what `blackthorn ship` wrote.
        repo: "owner/name".
        private: whether a repository that is made here is seen by its owner only.
        message: of the commit.
    Returns:
        The address of the commit.
    Raises:
        BundleError: no such folder or no network in it, a pickle in it, no token, or the hub refuses; one line.
    """
    from huggingface_hub import HfApi

    folder = Path(folder)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise BundleError(f"push: a repository is called owner/name; got '{repo}'")
    if not (folder / _NETWORK).is_file():
        raise BundleError(f"push: {folder} holds no {_NETWORK}; write the folder by blackthorn ship")
    files = [str(file.relative_to(folder)) for file in sorted(folder.rglob("*")) if file.is_file()]
    unsafe = next((file for file in files if file.endswith(_PICKLES) or _has_objects(folder / file)), None)
    if unsafe is not None:
        raise BundleError(f"push: {folder / unsafe} may be a pickle, which could run any code when read; remove it")

    def upload() -> str:
        if not _online():
            raise ConnectionError
        api = HfApi()
        api.create_repo(repo, private=private, exist_ok=True)
        hidden = [".*", "**/.*", ".*/**"]
        done = api.upload_folder(repo_id=repo, folder_path=folder, commit_message=message, ignore_patterns=hidden)
        return str(done.commit_url)

    where = _told(f"push to {repo}", upload)
    local.cache_clear()  # there is a newer one now
    return where


def fetched(where: str) -> Path:
    """The file of a bundle on the hub, `hf://owner/name`, downloaded once and kept in the hub's own cache.

    `hf://owner/name@revision` is another revision than main, and `hf://owner/name/folder/file.safetensors` another
    file than network.safetensors.

    Raises:
        BundleError: it is no such address, is not there, asks for a token, or the hub cannot be reached; one line.
    """
    from huggingface_hub import hf_hub_download

    read = _WHERE.fullmatch(where)
    if read is None:
        raise BundleError(f"{where}: write hf://owner/name, hf://owner/name@revision or hf://owner/name/file")
    file = read["file"] or _NETWORK
    repo, revision = read["repo"], read["revision"]
    return _told(where, lambda: Path(hf_hub_download(repo, file, revision=revision, local_files_only=not _online())))


@lru_cache
def local(file: str) -> Path:
    """A file of this machine: of an address on the hub, what was downloaded. The hub is asked once in a process.

    Raises:
        BundleError: as `fetched`.
    """
    return fetched(file) if file.startswith(SCHEME) else Path(file)


def name_on_hub(where: str) -> str:
    """What a network is called there: the repository without its owner, or the file where one is named."""
    read = _WHERE.fullmatch(where)
    if read is None:
        return where.removeprefix(SCHEME)
    return Path(read["file"]).stem if read["file"] else read["repo"].partition("/")[2]


def _has_objects(file: Path) -> bool:
    """Whether an array of numpy holds pickled objects, and not numbers alone."""
    if file.suffix not in (".npy", ".npz"):
        return False
    try:
        held = np.load(file, allow_pickle=False)
        if isinstance(held, np.lib.npyio.NpzFile):
            with held:
                for name in held.files:
                    held[name]  # read, which numpy refuses for objects
    except (OSError, ValueError, EOFError, KeyError):
        return True
    return False


def _told(what: str, asked: Callable[[], T]) -> T:
    """What the hub answers; its refusals as one line that says what to do."""
    from huggingface_hub import errors

    try:
        return asked()
    except errors.GatedRepoError:
        why = "the repository is gated; ask for access on its page, then log in with hf auth login"
    except errors.RepositoryNotFoundError as error:
        if _status(error) == 401:
            why = "no such repository, or a private one and no valid token; log in with hf auth login, or set HF_TOKEN"
        else:
            why = "no such repository, or a private one of somebody else"
    except errors.RevisionNotFoundError:
        why = "the repository has no such revision; write a branch, a tag or a commit after @"
    except errors.LocalEntryNotFoundError:
        why = f"not in the cache, and the hub cannot be reached ({_why_not()})"
    except errors.EntryNotFoundError:
        why = "the repository has no such file; write it after the name: hf://owner/name/FILE"
    except errors.LocalTokenNotFoundError:
        why = "there is no token; log in with hf auth login, or set HF_TOKEN"
    except ConnectionError:
        why = f"the hub cannot be reached ({_why_not()})"
    except errors.HfHubHTTPError as error:
        known = {
            401: "the hub wants a valid token; log in with hf auth login, or set HF_TOKEN",
            403: "the token may not do this; take one that may write to this repository",
        }
        why = known.get(_status(error), f"the hub refuses ({one_line(error)})")
    except Exception as error:  # its client for HTTP raises errors of its own when there is no network
        why = f"the hub cannot be reached, or understood ({type(error).__name__}: {one_line(error)})"
    raise BundleError(f"{what}: {why}") from None


def _status(error: Any) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _online() -> bool:
    """Whether the hub can be reached; asked once, since its own client tries again for half a minute."""
    from huggingface_hub import constants

    return not constants.HF_HUB_OFFLINE and reachable(constants.ENDPOINT)


def _why_not() -> str:
    from huggingface_hub import constants

    return "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "is there a network?"
