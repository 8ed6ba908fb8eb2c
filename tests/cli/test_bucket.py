"""A recipe whose store is a bucket: the same numbers as in a folder, and every refusal in one line."""

import sys
from pathlib import Path
from typing import Any

import pytest

from ..buckets import bucket as bucket
from ..buckets import client as client
from ..buckets import keys, settings
from ..buckets import known as known
from ..buckets import server as server
from ..recipes.tiny import tiny, write
from . import test_faults
from .conftest import Cli, refusal, typed
from .conftest import cli as cli
from .test_faults import finish, start, until

pytestmark = pytest.mark.slow


def report(store: str) -> Path:
    return Path("runs", "s3", store.removeprefix("s3://"), "reports", "r-full")


@pytest.fixture(scope="module")
def whole(server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """The bucket of a recipe that was run on some machine, not to be changed; and its results."""
    import boto3

    folder = tmp_path_factory.mktemp("whole")
    write(folder, tiny())
    with pytest.MonkeyPatch.context() as patch:
        for name, said in (settings(folder) | {"AWS_ENDPOINT_URL": server}).items():
            patch.setenv(name, said)
        boto3.client("s3").create_bucket(Bucket="whole")
        said = typed(folder, "run", "r.yaml", "--store", "s3://whole/lab", "--jobs", "1")
    assert said.code == 0, said
    return "whole", (folder / report("s3://whole/lab") / "results.csv").read_bytes()


@pytest.fixture
def ran(whole: tuple[str, bytes], bucket: str, client: Any, tmp_path: Path) -> str:
    """A copy of that store; this is another machine, with the recipe."""
    write(tmp_path, tiny())
    for key in keys(client, whole[0]):
        client.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": whole[0], "Key": key})
    return f"s3://{bucket}/lab"


def test_a_bucket_gives_the_results_of_a_folder_and_nothing_is_done_twice(
    cli: Cli, whole: tuple[str, bytes], client: Any, tmp_path: Path
) -> None:
    bucket, results = whole
    made = {key for key in keys(client, bucket) if key.startswith(("lab/finished/", "lab/stages/"))}
    assert len([key for key in made if key.startswith("lab/finished/")]) == 9
    assert not keys(client, bucket, "lab/leases/") and not [key for key in made if key.endswith("checkpoint.pt")]
    write(tmp_path, tiny())
    again = cli("run", "r.yaml", "--store", f"s3://{bucket}/lab", "--jobs", "1")
    assert again.err.startswith("9 of 9 stages are done already")
    assert {key for key in keys(client, bucket) if key.startswith(("lab/finished/", "lab/stages/"))} == made
    assert cli("run", "r.yaml", "--store", "folder", "--jobs", "1").code == 0
    assert results == Path("folder", "reports", "r-full", "results.csv").read_bytes()


def test_another_machine_draws_the_report_and_brings_no_network_for_it(
    cli: Cli, whole: tuple[str, bytes], client: Any, tmp_path: Path
) -> None:
    write(tmp_path, tiny())
    store, before = f"s3://{whole[0]}/lab", keys(client, whole[0])
    assert cli("report", "r.yaml", "--store", store, "--out", "drawn").code == 0
    assert Path("drawn", "results.csv").read_bytes() == whole[1]
    brought = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert "records.jsonl" in brought and "network.safetensors" not in brought
    assert "9 stages, 9 of them done already" in cli("run", "r.yaml", "--store", store, "--dry-run").out
    assert keys(client, whole[0]) == before and not Path("runs").exists()


def test_what_a_store_holds_is_listed_verified_and_removed(cli: Cli, ran: str, client: Any, bucket: str) -> None:
    said = cli("store", "--store", ran)
    assert said.code == 0 and "9 of 9" in said.out and "blackthorn run r.yaml" in said.out
    assert "train 2 epochs" in cli("store", "--store", ran, "--stages").out
    assert cli("store", "--store", ran, "--verify").out.startswith("9 finished stages, none without checksums; every")
    assert cli("store", "--store", ran, "--prune", "--yes").out == "Nothing to remove: every stage is needed.\n"
    write(Path(), tiny("measures", "pgd", "attack", "steps", to=2))
    assert cli("run", "r.yaml", "--store", ran, "--jobs", "1").code == 0
    assert cli("store", "--store", ran, "--prune", "--yes").out.startswith("Nothing to remove")  # "r-full" needs it
    (name,) = (path.name for path in Path("runs").glob("**/reports/r-full*"))  # not "r-full", a file elsewhere
    removed = cli("store", "--store", ran, "--prune", "--keep", name, "--yes").out
    assert "r-full is forgotten" in removed
    assert removed.splitlines()[-1].startswith("Removed 2 folders of stages, ")
    assert len(keys(client, bucket, "lab/finished/")) == 9 and not keys(client, bucket, "lab/leases/")
    stages = {key.split("/")[2] for key in keys(client, bucket, "lab/stages/")}
    assert stages == {key.split("/")[2].removesuffix(".json") for key in keys(client, bucket, "lab/finished/")}


def test_a_damaged_object_is_named_with_what_to_delete(cli: Cli, ran: str, client: Any, bucket: str) -> None:
    key = next(key for key in keys(client, bucket, "lab/stages/accuracy-") if key.endswith("records.jsonl"))
    client.put_object(Bucket=bucket, Key=key, Body=b"{}")
    manifest = f"lab/finished/{key.split('/')[2]}.json"
    told = f"s3://{bucket}/{key}: its content has changed since it was written; "
    told += f"delete s3://{bucket}/{manifest} and run again"
    assert refusal(cli("report", "r.yaml", "--store", ran, "--quiet")) == told
    assert refusal(cli("store", "--store", ran, "--verify")) == told
    client.delete_object(Bucket=bucket, Key=manifest)
    assert cli("run", "r.yaml", "--store", ran, "--jobs", "1").err.startswith("8 of 9 stages are done already")
    assert cli("store", "--store", ran, "--verify").code == 0


@pytest.mark.long
def test_two_machines_share_a_bucket_and_finish_each_stage_once(
    cli: Cli, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Any
) -> None:
    import os

    recipe = tiny()
    recipe["networks"]["dense"]["steps"][0] = {**recipe["networks"]["dense"]["steps"][0], "epochs": 100}
    write(tmp_path, recipe)
    store, words = f"s3://{bucket}", ("run", "r.yaml", "--store", f"s3://{bucket}", "--jobs", "1")
    told = []
    monkeypatch.setattr(test_faults, "ENVIRONMENT", {**os.environ, "BLACKTHORN_CACHE": str(tmp_path / "another")})
    there = start(tmp_path, *words)
    until(lambda: keys(client, bucket, "leases/"))
    here = cli(*words)
    code, err = finish(there)
    assert here.code == code == 0, (here, err)
    for said in (here.err, err):
        told += [line.rpartition("]")[2].rpartition("  ")[0] for line in said.splitlines() if line.endswith(" s")]
    assert len(told) == len(set(told)) == 9
    assert cli("run", "r.yaml", "--store", "folder", "--jobs", "1").code == 0
    assert (report(store) / "results.csv").read_bytes() == Path("folder/reports/r-full/results.csv").read_bytes()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("s3://", "write s3://BUCKET/PREFIX"),
        ("s3://lab/../x", "without . and .."),
        ("gs://lab/x", "there are no stores at gs://; write a folder, or s3://BUCKET/PREFIX"),
        ("s3://no spaces/x", "no spaces cannot be the name of a bucket"),
        ("s3://nobodys-bucket/x", "there is no bucket nobodys-bucket at http://127.0.0.1:"),
    ],
)
def test_names_of_which_there_can_be_no_store_are_refused(
    cli: Cli, client: Any, tmp_path: Path, name: str, why: str
) -> None:
    write(tmp_path, tiny())
    assert why in refusal(cli("store", "--store", name))
    assert why in refusal(cli("run", "r.yaml", "--store", name, "--jobs", "1", "--quiet"))


def test_a_bucket_without_a_store_is_not_read_as_one(cli: Cli, bucket: str, client: Any, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    assert "there is no store; give the one" in refusal(cli("report", "r.yaml", "--store", f"s3://{bucket}", "--quiet"))
    assert "holds no stages" in refusal(cli("store", "--store", f"s3://{bucket}"))
    assert cli("run", "r.yaml", "--store", f"s3://{bucket}", "--dry-run").code == 0
    assert keys(client, bucket) == set()  # looking writes nothing


def test_what_is_missing_to_reach_a_bucket_is_said(
    cli: Cli, known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store = ("store", "--store", "s3://lab/x")
    assert "nothing answers at http://127.0.0.1:9; see AWS_ENDPOINT_URL" in refusal(cli(*store))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    assert "Invalid endpoint: nonsense; see AWS_ENDPOINT_URL" in refusal(cli(*store))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "there are no credentials; set AWS_ACCESS_KEY_ID" in refusal(cli(*store))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "(nobody)" in refusal(cli(*store))
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert refusal(cli(*store)).endswith("boto3 is not installed; pip install 'blackthorn[s3]'")
