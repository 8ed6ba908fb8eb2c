"""A Ray cluster of two nodes on one machine: the same results, also when a node dies in the middle; and a dead head."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..cli.conftest import Cli, refusal
from ..cli.conftest import cli as cli
from ..cli.test_faults import ENVIRONMENT, results, start, until
from ..recipes.tiny import tiny, write
from .long import begun, epochs, finish_in, recipe

pytest.importorskip("ray")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without processors, to which a test adds nodes; commands find it by RAY_ADDRESS."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80_000_000})
    monkeypatch.setitem(ENVIRONMENT, "RAY_ADDRESS", made.address)
    yield made
    made.shutdown()


def node(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=80_000_000)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_node_that_dies_in_the_middle_costs_an_epoch_and_changes_no_number(
    cli: Cli, cluster: Any, tmp_path: Path
) -> None:
    write(tmp_path, recipe())
    first = node(cluster)
    process = start(tmp_path, "run", "r.yaml", "--store", "ray", "--on", "ray")
    store = tmp_path / "ray"
    partial = begun(tmp_path, "ray")
    node(cluster)
    kept = epochs(partial)
    cluster.remove_node(first, allow_graceful=False)
    until(lambda: list(store.glob(f"stages/{partial.name.partition('.')[0]}.1.partial")), 240)  # taken up elsewhere
    assert epochs(next(store.glob(f"stages/{partial.name.partition('.')[0]}.1.partial"))) >= kept > 0
    code, err = finish_in(process, 300)
    assert code == 0, err
    assert cli("run", "r.yaml", "--store", "alone", "--jobs", "1").code == 0
    assert results(tmp_path, "ray") == results(tmp_path, "alone")
    history = [path.read_text() for path in sorted(store.glob("stages/train-*/history.jsonl"))]
    assert history == [path.read_text() for path in sorted((tmp_path / "alone").glob("stages/train-*/history.jsonl"))]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_head_that_dies_is_said_in_a_line_and_the_run_goes_on_elsewhere(
    cli: Cli, cluster: Any, tmp_path: Path
) -> None:
    write(tmp_path, recipe())
    node(cluster)
    process = start(tmp_path, "run", "r.yaml", "--store", "ray", "--on", "ray")
    begun(tmp_path, "ray")
    cluster.head_node.kill_gcs_server()
    code, err = finish_in(process, 120)
    assert code == 2
    last = err.splitlines()[-1]
    assert re.search(r"blackthorn: the head of the Ray cluster, \S+, does not answer any more", last)
    assert "run the same command again" in last
    for one in list(cluster.worker_nodes):
        cluster.remove_node(one, allow_graceful=False)
    assert cli("run", "r.yaml", "--store", "ray", "--jobs", "1").code == 0
    assert cli("run", "r.yaml", "--store", "alone", "--jobs", "1").code == 0
    assert results(tmp_path, "ray") == results(tmp_path, "alone")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_stages_get_the_cores_that_they_ask_for_and_a_cluster_without_them_is_refused(
    cli: Cli, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    asking = tiny()
    asking["networks"]["dense"]["steps"][0]["resources"] = {"cpus": 2}
    write(tmp_path, asking)
    node(cluster)
    run = ("run", "r.yaml", "--store", "ray", "--on", "ray")
    assert "no node of the cluster has 2 cores, which a stage asks for" in refusal(cli(*run))
    cluster.add_node(num_cpus=2, object_store_memory=80_000_000)
    process = start(tmp_path, *run)
    code, err = finish_in(process, 300)
    assert code == 0, err
    done = [json.loads(path.read_text()) for path in tmp_path.glob("ray/stages/*/stage.json")]
    assert {about["options"].get("resources") is not None: about["threads"] for about in done} == {True: 2, False: 1}


@pytest.mark.parametrize(
    ("on", "address", "said"),
    [
        ("ray", "127.0.0.1:9", r"--on ray: nothing answers at 127\.0\.0\.1:9; start one with ray start --head"),
        ("ray://127.0.0.1:9", None, r"--on ray://127\.0\.0\.1:9: nothing answers at ray://127\.0\.0\.1:9; start one"),
        ("ray://", None, r"--on ray://: there is no such cluster; write ray, ray://HOST:PORT, slurm or local"),
        ("kubernetes", None, r"--on kubernetes: there is no such cluster; write ray, ray://HOST:PORT, slurm or local"),
    ],
)
def test_a_cluster_that_is_not_there_is_refused(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on: str, address: str | None, said: str
) -> None:
    if address is not None:
        monkeypatch.setenv("RAY_ADDRESS", address)
    write(tmp_path, tiny())
    assert re.match(said, refusal(cli("run", "r.yaml", "--on", on)))


@pytest.mark.parametrize(("on", "package", "extra"), [("ray", "ray", "ray"), ("local", "submitit", "slurm")])
def test_what_is_not_installed_is_said_with_what_to_install(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    write(tmp_path, tiny())
    assert f"is not installed; pip install 'blackthorn[{extra}]'" in refusal(cli("run", "r.yaml", "--on", on))
