"""Objects of an S3 bucket below a prefix: reading, writing on a condition, and every refusal in one line.

boto3 reads credentials, regions and addresses where all its users have them: `~/.aws`, `AWS_PROFILE`,
`AWS_ENDPOINT_URL`. It retries what may be tried again, so a write whose answer was lost is sent once more.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from ..errors import StoreError
from ..files import in_place_of, one_line

_AT_ONCE = 16  # requests; S3 answers one in some 20 ms, however many are asked
_SMALL = 8 << 20  # bytes that are sent in one request; what is larger goes in parts (boto3's own default)
_CHUNK = 1 << 20  # bytes read at a time
_MOST_DELETED = 1000  # keys in one request, as S3 allows
_REFUSED = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
"""What S3 answers where a condition does not hold: that of a content, of two at once, and of what is not there."""
_DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "403"}
_NO_LOCKS = "cannot be a store: its server does not keep conditions (If-None-Match, If-Match), and without them two"

T = TypeVar("T")
R = TypeVar("R")


class ChangedError(StoreError):
    """An object is not as it was written."""


@dataclass(frozen=True)
class Found:
    """An object as it was read."""

    content: bytes
    etag: str
    age: float
    """Seconds since it was written, both times told by the server."""
    time: float
    """When it was written, in seconds since 1970."""


@dataclass(frozen=True)
class Listed:
    """An object as a listing tells of it."""

    key: str
    etag: str
    size: int
    time: float


class Objects:
    """The objects of a bucket whose keys begin with a prefix; keys here are what follows it."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.url = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        self._prefix = f"{prefix}/" if prefix else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return Objects, (self.bucket, self._prefix.rstrip("/"))

    @cached_property
    def endpoint(self) -> str:
        """The address of the server."""
        return str(self._client.meta.endpoint_url)

    def get(self, key: str) -> Found | None:
        """Read an object whole; None where there is none."""
        with self._said():
            try:
                got = self._client.get_object(Bucket=self.bucket, Key=self._prefix + key)
            except self._client.exceptions.NoSuchKey:
                return None
            now = parsedate_to_datetime(got["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
            time = got["LastModified"].timestamp()
            return Found(got["Body"].read(), got["ETag"], now - time, time)

    def there(self, key: str) -> bool:
        """Whether there is such an object."""
        with self._said():
            try:
                self._client.head_object(Bucket=self.bucket, Key=self._prefix + key)
            except self._errors.ClientError as problem:
                if _code(problem) in ("404", "NoSuchKey"):
                    return False
                raise
        return True

    def listed(self, folder: str) -> Iterator[Listed]:
        """All objects whose keys begin so."""
        with self._said():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self._prefix + folder):
                for one in page.get("Contents", ()):
                    key = one["Key"].removeprefix(self._prefix)
                    yield Listed(key, one["ETag"], one["Size"], one["LastModified"].timestamp())

    def any(self) -> bool:
        """Whether there are objects at all."""
        with self._said():
            return bool(self._client.list_objects_v2(Bucket=self.bucket, Prefix=self._prefix, MaxKeys=1)["KeyCount"])

    def put(self, key: str, content: bytes) -> None:
        """Write an object, whatever was there."""
        with self._said():
            self._client.put_object(Bucket=self.bucket, Key=self._prefix + key, Body=content)

    def put_new(self, key: str, content: bytes) -> str | None:
        """Write an object that must not be there; its ETag, or None where there is one.

        Contents should be such that nobody else writes the same: by that a write is known whose answer was lost.
        """
        return self._put_if(key, content, IfNoneMatch="*")

    def put_over(self, key: str, content: bytes, etag: str) -> str | None:
        """Write an object in place of the one with that ETag; its own ETag, or None where there is another, or none."""
        return self._put_if(key, content, IfMatch=etag)

    def _put_if(self, key: str, content: bytes, **condition: str) -> str | None:
        with self._said():
            try:
                said = self._client.put_object(Bucket=self.bucket, Key=self._prefix + key, Body=content, **condition)
                return str(said["ETag"])
            except self._errors.ClientError as problem:
                if _code(problem) == "NotImplemented":
                    raise StoreError(f"{self.url}: {_NO_LOCKS} machines could spoil each other's work") from None
                if _code(problem) not in _REFUSED:
                    raise
        found = self.get(key)
        return found.etag if found is not None and found.content == content else None

    def upload(self, key: str, path: Path) -> None:
        """Write a file as an object; what is read of it is one content, even if the name gets another file meanwhile.

        Raises:
            OSError: the file cannot be read.
        """
        with self._said(), open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size <= _SMALL:
                self._client.put_object(Bucket=self.bucket, Key=self._prefix + key, Body=file)
            else:
                self._client.upload_fileobj(file, self.bucket, self._prefix + key)

    def download(self, key: str, path: Path, sha256: str | None = None) -> None:
        """Write an object into a file, which appears whole.

        Raises:
            ChangedError: there is no such object, or its content has another checksum than is given.
            OSError: the file cannot be written.
        """
        with in_place_of(path) as aside, open(aside, "wb") as file:
            self.compare(key, sha256, file.write)

    def compare(self, key: str, sha256: str | None, told: Callable[[bytes], object] = len) -> None:
        """Read an object part by part and compare it with its checksum; `told` hears every part.

        Raises:
            ChangedError: there is no such object, or its content has another checksum than is given.
        """
        found = hashlib.sha256()
        with self._said():
            try:
                body = self._client.get_object(Bucket=self.bucket, Key=self._prefix + key)["Body"]
            except self._client.exceptions.NoSuchKey:
                raise ChangedError(f"{self.url}/{key}: is not there") from None
            for chunk in body.iter_chunks(_CHUNK):
                found.update(chunk)
                told(chunk)
        if sha256 not in (None, found.hexdigest()):
            raise ChangedError(f"{self.url}/{key}: its content has changed since it was written")

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, of which some may be gone already."""
        names = [{"Key": self._prefix + key} for key in keys]
        with self._said():
            for first in range(0, len(names), _MOST_DELETED):
                some = {"Objects": names[first : first + _MOST_DELETED], "Quiet": True}
                for fault in self._client.delete_objects(Bucket=self.bucket, Delete=some).get("Errors", ()):
                    raise StoreError(f"s3://{self.bucket}/{fault['Key']}: cannot be deleted ({fault['Code']})")

    def each(self, done: Callable[[T], R], things: Iterable[T]) -> list[R]:
        """Do something with each of several things at once, as many as a server should be asked for."""
        some = list(things)
        if len(some) < 2:
            return [done(one) for one in some]
        with ThreadPoolExecutor(min(_AT_ONCE, len(some))) as pool:
            return list(pool.map(done, some))

    def check_conditions(self) -> None:
        """Make sure that the server keeps the conditions on which everything rests.

        Raises:
            StoreError: it does not.
        """
        key = "store.json"
        created = [self.put_new(key, _unique()) for _ in range(2)]
        if created[1] is not None or self.put_over(key, _unique(), '"0"') is not None:
            raise StoreError(f"{self.url}: {_NO_LOCKS} machines could spoil each other's work")

    @cached_property
    def _client(self) -> Any:
        try:
            boto3: Any = import_module("boto3")
        except ImportError:
            raise StoreError(f"--store {self.url}: boto3 is not installed; pip install 'blackthorn[s3]'") from None
        config = import_module("botocore.config").Config(max_pool_connections=_AT_ONCE)
        with self._said():
            try:
                return boto3.session.Session().client("s3", config=config)
            except ValueError as problem:  # of an address that is none
                raise StoreError(f"--store {self.url}: {one_line(problem)}; see AWS_ENDPOINT_URL") from None

    @cached_property
    def _errors(self) -> Any:
        return import_module("botocore.exceptions")

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Say in one line what boto3 says in a traceback."""
        try:
            yield
        except self._errors.NoCredentialsError:
            raise StoreError(
                f"--store {self.url}: there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                "AWS_PROFILE"
            ) from None
        except (
            self._errors.EndpointConnectionError,
            self._errors.ConnectTimeoutError,
            self._errors.ProxyConnectionError,
        ):
            raise StoreError(
                f"--store {self.url}: nothing answers at {self.endpoint}; see AWS_ENDPOINT_URL, and run the same "
                "command again to go on"
            ) from None
        except self._errors.ParamValidationError:
            raise StoreError(f"--store {self.url}: {self.bucket} cannot be the name of a bucket") from None
        except self._errors.ClientError as problem:
            raise StoreError(f"--store {self.url}: {self._refusal(_code(problem), problem)}") from None
        except (self._errors.BotoCoreError, self._errors.HTTPClientError) as problem:
            raise StoreError(f"--store {self.url}: {one_line(problem)}; run the same command again to go on") from None

    def _refusal(self, code: str, problem: Exception) -> str:
        if code == "NoSuchBucket":
            return f"there is no bucket {self.bucket} at {self.endpoint}; make it, or see AWS_ENDPOINT_URL"
        if code in _DENIED:
            return f"access is denied ({code}); see AWS_ACCESS_KEY_ID and AWS_PROFILE, and what they may do there"
        return one_line(problem)


def _code(problem: Any) -> str:
    return str(problem.response.get("Error", {}).get("Code", ""))


def _unique() -> bytes:
    return json.dumps({"store of": "blackthorn", "probe": secrets.token_hex(8)}).encode()
