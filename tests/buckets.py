"""A server of S3's protocol, moto's, and a bucket of it for each test."""

import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3")
pytest.importorskip("moto")
pytest.importorskip("flask_cors")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Its address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


def settings(folder: Path) -> dict[str, str]:
    """What the environment says on a machine that may use the server, with its cache below a folder."""
    return {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_MAX_ATTEMPTS": "1",
        "BLACKTHORN_CACHE": str(folder / "cache"),
    }


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials, and a cache, for this process and those that it starts."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, said in settings(tmp_path).items():
        monkeypatch.setenv(name, said)


@pytest.fixture
def client(server: str, known: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the server, which is also the one that commands find."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    return boto3.client("s3")


@pytest.fixture
def bucket(client: Any) -> str:
    """The name of an empty bucket."""
    name = f"b{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name)
    return name


def keys(client: Any, bucket: str, prefix: str = "") -> set[str]:
    """What lies there."""
    return {one["Key"] for one in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())}
