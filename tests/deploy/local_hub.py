"""As much of the Hugging Face hub's API as uploading a folder and downloading a file take, over HTTP, in memory.

Repositories of "ada" may be written with the token "hf_ada"; "ada/secret" may only be read with it.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import constants

TOKEN = "hf_ada"


@dataclass
class Hub:
    """What the hub holds, and what it was asked."""

    url: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Repository -> path -> content."""
    large: dict[str, bytes] = field(default_factory=dict)
    """Content by SHA-256, uploaded by the LFS protocol."""
    asked: list[str] = field(default_factory=list)
    limit: int = 1000
    """Files of more bytes go by the LFS protocol."""

    @property
    def commit(self) -> str:
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()


@contextmanager
def local_hub() -> Iterator[Hub]:
    """A hub on a free port of this machine."""
    hub = Hub()

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def point_to(hub: Hub, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """What HF_ENDPOINT and the like do when the library of the hub is imported; nobody is logged in."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""

    def do_POST(self) -> None:
        self._note()
        path, body = self.path.partition("?")[0], self._body()
        if path == "/api/validate-yaml":
            card = json.loads(body)["content"]
            yaml.safe_load(card.split("---")[1])
            return self._json({"errors": [], "warnings": []})
        if not self._known():
            return self._refuse(401, None, "Invalid username or password.")
        if path == "/api/repos/create":
            said = json.loads(body)
            repo = f"{said.get('organization') or 'ada'}/{said['name']}"
            if not repo.startswith("ada/"):
                return self._refuse(403, None, "You don't have the rights to create a model under this namespace")
            if repo in self.hub.files:
                return self._json(
                    {"error": "You already created this model repo", "url": f"{self.hub.url}/{repo}"}, 409
                )
            self.hub.files[repo] = {}
            return self._json({"url": f"{self.hub.url}/{repo}", "name": repo})
        if found := re.fullmatch(r"/api/models/(.+)/preupload/main", path):
            modes = [
                {"path": one["path"], "uploadMode": "lfs" if one["size"] > self.hub.limit else "regular"}
                for one in json.loads(body)["files"]
            ]
            return self._json({"files": [{**one, "shouldIgnore": False} for one in modes]})
        if path.endswith(".git/info/lfs/objects/batch"):
            objects = []
            for one in json.loads(body)["objects"]:
                actions = {"upload": {"href": f"{self.hub.url}/large/{one['oid']}"}}
                objects.append({**one, "authenticated": True, "actions": actions})
            return self._json({"transfer": "basic", "objects": objects})
        if found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            return self._commit(found[1], body)
        return self._refuse(404, None, "no such call")

    def do_PUT(self) -> None:
        self._note()
        content = self._body()
        name = self.path.rpartition("/")[2].partition("?")[0]
        assert hashlib.sha256(content).hexdigest() == name
        self.hub.large[name] = content
        self._json({})

    def do_HEAD(self) -> None:
        self._note()
        self._file(body=False)

    def do_GET(self) -> None:
        self._note()
        self._file(body=True)

    def _commit(self, repo: str, body: bytes) -> None:
        for line in body.splitlines():
            said = json.loads(line)
            value = said["value"]
            if said["key"] == "file":
                self.hub.files[repo][value["path"]] = base64.b64decode(value["content"])
            elif said["key"] == "lfsFile":
                self.hub.files[repo][value["path"]] = self.hub.large[value["oid"]]
        commit = self.hub.commit
        self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{repo}/commit/{commit}"})

    def _file(self, *, body: bool) -> None:
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path.partition("?")[0])
        if not found:
            return self._refuse(404, None, "no such call")
        repo, revision, path = found.groups()
        if repo not in self.hub.files or (repo == "ada/secret" and not self._known()):
            status = 404 if self._known() else 401  # the hub does not say which repositories there are
            return self._refuse(status, "RepoNotFound", "Repository not found")
        if revision not in ("main", self.hub.commit):
            return self._refuse(404, "RevisionNotFound", "Invalid rev id")
        if path not in self.hub.files[repo]:
            return self._refuse(404, "EntryNotFound", "Entry not found")
        content = self.hub.files[repo][path]
        self.send_response(200)
        self.send_header("X-Repo-Commit", self.hub.commit)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _known(self) -> bool:
        return self.headers.get("authorization") == f"Bearer {TOKEN}"

    def _note(self) -> None:
        self.hub.asked.append(f"{self.command} {self.path}")

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _json(self, said: Any, status: int = 200, **headers: str) -> None:
        content = json.dumps(said).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, status: int, code: str | None, message: str) -> None:
        named = {} if code is None else {"X-Error-Code": code}
        self._json({"error": message}, status, **named, **{"X-Error-Message": message})
