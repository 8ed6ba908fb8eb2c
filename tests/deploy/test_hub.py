"""Networks go to the Hugging Face hub and come from it, spoken to over HTTP on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants

from blackthorn import models
from blackthorn.deploy import load, push, save
from blackthorn.errors import BundleError

from .local_hub import TOKEN, Hub, local_hub, point_to

CARD = "---\nlicense: mit\n---\n# A network\n"
BOTH = """
import sys, torch
from blackthorn.deploy import load, push
push(sys.argv[1], "ada/elsewhere")
print(load("hf://ada/elsewhere").model(torch.ones(1, 1, 8, 8))[0].tolist())
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with local_hub() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place: Path = tmp_path_factory.mktemp("shipped")
    torch.manual_seed(0)
    save(place / "network.safetensors", models.mlp(4, image_size=8, hidden=[16]))
    (place / "README.md").write_text(CARD)
    (place / ".hidden").write_text("not for others")
    return place


@pytest.fixture(autouse=True)
def online(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(hub, monkeypatch, tmp_path)


@pytest.fixture
def pushed(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    where = push(folder, "ada/digits")
    monkeypatch.delenv("HF_TOKEN")
    return where


def test_a_folder_arrives_whole_and_is_loaded_by_its_name(
    hub: Hub, folder: Path, pushed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pushed == f"{hub.url}/ada/digits/commit/{hub.commit}"
    assert hub.files["ada/digits"] == {
        name: (folder / name).read_bytes() for name in ("network.safetensors", "README.md")
    }
    x = torch.rand(3, 1, 8, 8)
    logits = load(folder / "network.safetensors").model(x)
    for where in ("hf://ada/digits", "hf://ada/digits@main", "hf://ada/digits/network.safetensors"):
        assert torch.equal(load(where).model(x), logits)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert torch.equal(load("hf://ada/digits").model(x), logits)  # from the cache


@pytest.mark.slow
def test_a_process_of_its_own_pushes_and_loads_at_hf_endpoint(hub: Hub, folder: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}
    environment |= {"HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run([sys.executable, "-c", BOTH, str(folder)], env=environment, capture_output=True, text=True)
    logits = load(folder / "network.safetensors").model(torch.ones(1, 1, 8, 8))[0].tolist()
    assert done.stdout.strip() == str(logits), done.stderr


@pytest.mark.parametrize(
    ("where", "token", "says"),
    [
        ("hf://ada/none", TOKEN, "no such repository"),
        ("hf://ada/none", None, "or a private one and no valid token; log in with hf auth login, or set HF_TOKEN"),
        ("hf://ada/digits@v9", None, "the repository has no such revision"),
        ("hf://ada/digits/other.safetensors", None, "the repository has no such file"),
    ],
)
def test_what_the_hub_does_not_give_is_one_line(
    pushed: str, monkeypatch: pytest.MonkeyPatch, where: str, token: str | None, says: str
) -> None:
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(BundleError, match=says) as refused:
        load(where)
    assert str(refused.value).startswith(f"{where}: ") and "\n" not in str(refused.value)


@pytest.mark.parametrize(("off", "says"), [(True, r"\(HF_HUB_OFFLINE is set\)"), (False, r"\(is there a network\?\)")])
def test_without_a_network_it_says_so(monkeypatch: pytest.MonkeyPatch, off: bool, says: str) -> None:
    nowhere = "http://127.0.0.1:1"
    monkeypatch.setattr(constants, "ENDPOINT", nowhere)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", nowhere + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", off)
    with pytest.raises(BundleError, match="hf://ada/d: not in the cache, and the hub cannot be reached " + says):
        load("hf://ada/d")


@pytest.mark.parametrize(
    ("repo", "token", "says"),
    [
        ("ada/other", None, "log in with hf auth login, or set HF_TOKEN"),
        ("ada/other", "hf_wrong", "log in with hf auth login, or set HF_TOKEN"),
        ("eve/other", TOKEN, "the token may not do this"),
    ],
)
def test_a_push_that_is_refused_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, repo: str, token: str | None, says: str
) -> None:
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(BundleError, match=says) as refused:
        push(folder, repo)
    assert str(refused.value).startswith(f"push to {repo}: ") and "\n" not in str(refused.value)


def test_offline_nothing_is_sent(folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    asked = len(hub.asked)
    with pytest.raises(BundleError, match=r"the hub cannot be reached \(HF_HUB_OFFLINE is set\)"):
        push(folder, "ada/digits")
    assert len(hub.asked) == asked


def test_what_cannot_be_pushed_is_refused_before_anything_is_sent(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="a repository is called owner/name; got 'digits'"):
        push(folder, "digits")
    with pytest.raises(BundleError, match=r"holds no network.safetensors"):
        push(tmp_path, "ada/digits")
    save(tmp_path / "network.safetensors", models.mlp(4, image_size=8, hidden=[4]))
    np.savez(tmp_path / "flags.npz", flags=np.arange(8))  # numbers alone
    np.savez(tmp_path / "objects.npz", held=np.array([{}], dtype=object))
    with pytest.raises(BundleError, match=r"objects.npz may be a pickle"):
        push(tmp_path, "ada/digits")
    (tmp_path / "objects.npz").unlink()
    torch.save({}, tmp_path / "optimizer.pt")
    with pytest.raises(BundleError, match=r"optimizer.pt may be a pickle, which could run any code when read"):
        push(tmp_path, "ada/digits")
    with pytest.raises(BundleError, match=r"hf://digits: write hf://owner/name"):
        load("hf://digits")
