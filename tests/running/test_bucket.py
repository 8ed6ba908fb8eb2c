"""A store in a bucket: conditional writes decide who works on a stage and who has finished it, on a real server."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from blackthorn.errors import StoreError
from blackthorn.recipes import plan
from blackthorn.running import Event, Folder, Store, run_plan, store_at
from blackthorn.running import bucket_attempt as attempts
from blackthorn.running import lease as leases
from blackthorn.running.lease import LostError
from blackthorn.seal import SEAL

from ..buckets import bucket as bucket
from ..buckets import client as client
from ..buckets import keys
from ..buckets import known as known
from ..buckets import server as server
from ..recipes.tiny import read, tiny

pytestmark = pytest.mark.slow

STAGE = "train-0123456789ab"

Machine = Callable[[str], Store]


@pytest.fixture
def machine(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The store as a machine of that name sees it: its cache is another one."""

    def seen(name: str) -> Store:
        with monkeypatch.context() as patch:
            patch.setenv("BLACKTHORN_CACHE", str(tmp_path / name))
            store = store_at(f"s3://{bucket}/some/prefix")
            assert not store.in_work("train-none")  # by which it has found its cache
        return store

    return seen


def make(store: Store, stage: str, **files: bytes) -> None:
    with store.lease(stage) as lease:
        assert lease is not None
        with store.work(stage, lease) as folder:
            for name, content in files.items():
                (folder / name).write_bytes(content)


def test_a_finished_stage_is_brought_to_another_machine_file_by_file(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    assert there.names() == frozenset() and not there.done(STAGE)
    make(here, STAGE, network=b"large", about=b"small")
    assert there.names() == {STAGE} and there.done(STAGE) and not there.in_work(STAGE)
    folder = there.stage(STAGE, "about", "of no such name")
    assert {path.name for path in folder.iterdir()} == {"about", SEAL}
    assert there.stage(STAGE) == folder and (folder / "network").read_bytes() == b"large"
    made = here.stage(STAGE)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_of_many_stages_those_that_are_finished_are_brought(machine: Machine) -> None:
    names = [f"train-{number:012x}" for number in range(20)]  # more than are asked for one by one
    here, there = machine("a"), machine("b")
    for name in names[:3]:
        make(here, name, file=name.encode())
    for _ in range(2):
        folders = there.folders(names, "file")
        assert {name: (folder / "file").read_text() for name, folder in folders.items()} == {n: n for n in names[:3]}


def test_what_was_made_again_is_not_taken_from_the_cache(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    make(here, STAGE, file=b"first")
    assert (there.stage(STAGE) / "file").read_bytes() == b"first"
    with here.lease(STAGE) as lease:
        assert lease is not None and here.remove(STAGE)
        lease.finished = True
    assert not there.done(STAGE) and there.folders([STAGE]) == {}
    with pytest.raises(StoreError, match=f"stages/{STAGE}: has disappeared; run the command again"):
        there.stage(STAGE)
    make(here, STAGE, file=b"second")
    assert (there.stage(STAGE) / "file").read_bytes() == b"second"


def test_of_many_that_want_a_stage_one_works_on_it_and_each_is_finished_once(machine: Machine) -> None:
    stores, made = [machine(name) for name in "abcd"], list[tuple[int, int]]()

    def work(number: int) -> None:
        for stage in range(4):
            name = f"train-{stage:012x}"
            with stores[number].lease(name) as lease:
                if lease is not None and not stores[number].done(name):
                    with stores[number].work(name, lease) as folder:
                        (folder / "by").write_text(str(number))
                        made.append((stage, number))

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(work, number) for number in range(4)]:
            one.result()
    assert sorted(stage for stage, _ in made) == [0, 1, 2, 3]
    assert all((stores[0].stage(f"train-{stage:012x}") / "by").read_text() == str(number) for stage, number in made)


def test_a_lease_is_one_ones_and_goes_to_the_next_when_it_is_let_go(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    with here.lease(STAGE) as first, there.lease(STAGE) as second, there.lease("train-other") as other:
        assert first is not None and second is None and other is not None
        assert here.in_work(STAGE) and there.in_work(STAGE)
        first.renewed()
        assert not first.lost()
    assert not there.in_work(STAGE)
    with there.lease(STAGE) as again:
        assert again is not None and again.number == 1


def test_an_owner_that_has_died_on_this_machine_is_noticed_at_once(machine: Machine, client: Any, bucket: str) -> None:
    here, key = machine("a"), f"some/prefix/leases/{STAGE}.json"
    with here.lease(STAGE):
        left = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    client.put_object(Bucket=bucket, Key=key, Body=left)  # as if it had not been released: its lock is free
    assert machine("b").in_work(STAGE) and not here.in_work(STAGE)
    with here.lease(STAGE) as lease:
        assert lease is not None and lease.number == 1


@pytest.mark.parametrize("first", ["old", "new"])
def test_of_two_owners_the_first_to_finish_has_finished(
    machine: Machine, client: Any, bucket: str, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """The first owner stands still, loses its lease by the server's clock, and wakes up."""
    here, there = machine("a"), machine("b")
    with ExitStack() as owners:
        old = owners.enter_context(here.lease(STAGE))
        assert old is not None and there.in_work(STAGE)
        monkeypatch.setattr(leases, "STALE", -1.0)
        new = owners.enter_context(there.lease(STAGE))
        assert new is not None and new.number == 1 and not new.lost()
        works = {"old": here.work(STAGE, old), "new": there.work(STAGE, new)}
        folders = {name: work.__enter__() for name, work in works.items()}
        for name, folder in folders.items():
            (folder / "by").write_text(name)
        second = "new" if first == "old" else "old"
        works[first].__exit__(None, None, None)
        with pytest.raises(LostError):
            works[second].__exit__(None, None, None)
        assert old.lost()
    assert (here.stage(STAGE) / "by").read_text() == first == (there.stage(STAGE) / "by").read_text()
    assert len(keys(client, bucket, "some/prefix/stages/")) == 1  # of the other one nothing is left
    assert here.faults(STAGE) == [] and keys(client, bucket, "some/prefix/leases/") == set()


def test_a_lease_that_was_taken_over_is_noticed_when_it_is_renewed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = machine("a"), machine("b")
    with here.lease(STAGE) as old:
        monkeypatch.setattr(leases, "STALE", -1.0)
        with there.lease(STAGE) as new:
            assert old is not None and new is not None and not old.noticed
            old.renewed()
            assert old.noticed and not new.lost()


def test_a_lease_is_renewed_while_the_work_goes_on(
    machine: Machine, client: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.05)
    with machine("a").lease(STAGE) as lease:
        until(lambda: json.loads(contents(client, bucket, f"leases/{STAGE}.json")[0])["beats"] > 1)
        assert lease is not None and not lease.lost()


def test_checkpoints_go_to_the_next_machine_although_the_first_says_no_more(
    machine: Machine, client: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "EVERY", 0.02)
    here, there, third = machine("a"), machine("b"), machine("c")
    with ExitStack() as dead:
        lease = dead.enter_context(here.lease(STAGE))
        assert lease is not None
        folder = dead.enter_context(here.work(STAGE, lease))
        for content in (b"epoch 1", b"epoch 2"):
            (folder / ".aside").write_bytes(content)
            (folder / ".aside").replace(folder / "checkpoint")
            until(lambda wanted=content: wanted in contents(client, bucket, "/checkpoint"))
        monkeypatch.setattr(leases, "STALE", -1.0)
        with pytest.raises(KeyError), there.lease(STAGE) as second:
            assert second is not None
            with there.work(STAGE, second) as taken:
                assert (taken / "checkpoint").read_bytes() == b"epoch 2"
                (taken / "checkpoint").write_bytes(b"epoch 3")
                raise KeyError
        with third.lease(STAGE) as last:
            assert last is not None and last.number == 2
            with third.work(STAGE, last) as taken:
                assert (taken / "checkpoint").read_bytes() == b"epoch 3"
                (taken / "checkpoint").unlink()
                (taken / "network").write_bytes(b"done")
        dead.pop_all()
    assert {path.name for path in there.stage(STAGE).iterdir()} == {"network", SEAL}
    assert len(keys(client, bucket, "some/prefix/stages/")) == 1
    lease._lost = True  # the first one's threads end with this test


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def contents(client: Any, bucket: str, ending: str) -> list[bytes]:
    found = [key for key in keys(client, bucket) if key.endswith(ending)]
    return [client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in found]


class Gone(BaseException):
    """As a signal ends a command."""


def test_a_training_goes_on_on_another_machine_and_gives_the_same_numbers(machine: Machine, tmp_path: Path) -> None:
    asked = tiny("networks", "dense", "steps", 0, "epochs", to=5)
    asked |= {"networks": {"dense": asked["networks"]["dense"]}, "statements": [], "presets": {}}
    recipe = read(tmp_path, asked)
    splits = recipe.data.load()

    def done(store: Store, until_epoch: int | None = None) -> list[int]:
        """The epochs of the first network that were trained."""
        epochs = list[int]()

        def listen(event: Event) -> None:
            if event.what == "logged" and event.label.endswith("train 5 epochs"):
                epochs.append(event.done)
                if event.done == until_epoch:
                    raise Gone

        run_plan(plan(recipe, splits), splits, store, torch.device("cpu"), listen)
        return epochs

    with pytest.raises(Gone):
        done(machine("a"), until_epoch=3)
    went_on = done(machine("b"))
    assert went_on[0] > 1 and went_on[-1] == 5
    assert done(Folder(tmp_path / "alone")) == [1, 2, 3, 4, 5]
    alone, third = Folder(tmp_path / "alone"), machine("c")
    names = alone.names()
    assert third.names() == names and done(third) == []
    same = ("network.safetensors", "flags.npy")
    for name, folder in third.folders(names).items():
        for file in filter(lambda file: (folder / file).exists(), same):
            assert (folder / file).read_bytes() == (alone.stage(name) / file).read_bytes(), (name, file)


def test_changes_of_many_at_once_are_all_kept(machine: Machine) -> None:
    stores = [machine(name) for name in "abc"]

    def add(number: int) -> None:
        def changed(before: bytes | None) -> bytes:
            return json.dumps([*json.loads(before or b"[]"), number]).encode()

        stores[number % 3].change("some.json", changed)

    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(add, number) for number in range(9)]:
            one.result()
    assert sorted(json.loads(stores[0].read("some.json") or b"")) == list(range(9))
    assert stores[0].read("none.json") is None


def test_a_write_whose_answer_was_lost_is_known_by_its_content(machine: Machine) -> None:
    objects = machine("a")._objects  # type: ignore[attr-defined]
    tag = objects.put_new("key", b"ours")
    assert tag is not None and objects.put_new("key", b"ours") == tag  # as boto3 sends it once more
    assert objects.put_new("key", b"theirs") is None
    over = objects.put_over("key", b"ours, later", tag)
    assert over is not None and objects.put_over("key", b"ours, later", tag) == over
    assert objects.put_over("key", b"theirs", tag) is None and objects.put_over("none", b"x", tag) is None


class Forgetful(BaseHTTPRequestHandler):
    """A server that takes every object, whatever the conditions."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_keeps_no_conditions_is_refused(known: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Forgetful) as forgetful:
        threading.Thread(target=forgetful.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{forgetful.server_port}")
        with pytest.raises(StoreError, match=r"s3://bucket: cannot be a store: its server does not keep conditions"):
            store_at("s3://bucket").lease(STAGE).__enter__()
        forgetful.shutdown()


def test_names_in_a_bucket_lead_nowhere_else(machine: Machine, client: Any, bucket: str, tmp_path: Path) -> None:
    store = machine("a")
    evil = json.dumps({"attempt": "x", "files": {"../../../evil": "0"}}).encode()
    client.put_object(Bucket=bucket, Key=f"some/prefix/finished/{STAGE}.json", Body=evil)
    with pytest.raises(StoreError, match=rf"is no manifest of a stage; delete s3://.*/finished/{STAGE}.json and run"):
        store.stage(STAGE)
    for name in ("..", "."):
        client.put_object(Bucket=bucket, Key=f"some/prefix/stages/{name}/x", Body=b"")
    assert [one.name for one in store.held()] == [STAGE]
