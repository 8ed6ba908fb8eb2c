"""What a stage costs beside its work, for plans of 10, 1,000 and 10,000 stages, and what more workers gain.

    python benchmarks/scaling.py --stages 10,1000,10000 --store /tmp/scaling --out results/benchmarks/scaling.json

A sweep of prunings of one small network is laid out, begun, run to its end by one process, recognised as finished, and
its report is written. The work of a stage is a fraction of a millisecond here, so what is measured is the rest. Seconds
are those of a clock, and beside them those of the processor, which other programs cannot lengthen. Then the same plan
is run by 1, 2 and 4 workers, with stages that take a known time, and the runner's own order is simulated for more.
"""

import argparse
import heapq
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from blackthorn.experiment import Experiment
from blackthorn.recipes.planning import Plan
from blackthorn.recipes.request import Request
from blackthorn.running import Folder
from blackthorn.running.events import Event, quiet
from blackthorn.running.executor import Settled
from blackthorn.running.provenance import made_with
from blackthorn.running.runner import carry_out
from blackthorn.stages import Stage

MINUTE = 60.0  # seconds of a stage in the simulation
WORKERS = (1, 2, 4, 16, 100, 400)


def recipe(stages: int) -> dict[str, Any]:
    """A network, and as many prunings of it as give so many stages: each is pruned once and measured twice."""
    rows = max(1, stages // 3 - 1)
    rates = [f"{10 + 80 * row / rows:.5f}%" for row in range(rows)]
    train = {"kind": "train", "epochs": 1, "batch_size": 20, "stop_at_chance": False, "precision": "float32"}
    return {
        "title": f"{stages} stages",
        "data": {"source": "digits", "train": 20, "test": 10, "valid": 0},
        "model": {"kind": "mlp", "hidden": [16]},
        "networks": {
            "dense": {"steps": [train]},
            "weight {rate}": {
                "for": {"rate": rates},
                "of": "dense",
                "steps": [
                    {"kind": "prune", "criterion": {"kind": "magnitude"}, "scope": "per_layer", "sparsity": "{rate}"}
                ],
            },
        },
        "measures": {
            "natural": {"kind": "accuracy"},
            "fgsm": {"kind": "accuracy", "attack": {"kind": "fgsm", "eps": 0.1}, "precision": "float32"},
        },
    }


class Begun(Exception):
    """The first stage has begun."""


def until_the_first(event: Event) -> None:
    """A listener that ends the run there."""
    if event.what == "started":
        raise Begun


class Timings(dict[str, dict[str, float]]):
    """Seconds by what was done."""

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Time a block, by the clock and by the processor."""
        begun = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            took = time.perf_counter() - begun[0], time.process_time() - begun[1]
            self[what] = {"clock": round(took[0], 3), "processor": round(took[1], 3)}
            print(f"  {what}: {took[0]:.2f} s, {took[1]:.2f} s of the processor", flush=True)


def prepared(asked: Request, store: Path) -> Experiment:
    """The experiment, laid out."""
    return Experiment.prepare(asked, store, None, device=torch.device("cpu"))


def recognised(stages: int, store: Path) -> dict[str, Any]:
    """Begin a plan, and recognise it as finished: folders of the right names are all that a runner looks at."""
    asked, timings = Request(f"sweep-{stages}", made=recipe(stages)), Timings()
    shutil.rmtree(store, ignore_errors=True)
    with timings.of("start"), suppress(Begun):
        prepared(asked, store).carry_out(1, until_the_first)
    plan = prepared(asked, store).plan
    shutil.rmtree(store / "stages")
    for stage in plan.stages:
        (store / "stages" / stage.name).mkdir(parents=True)
    with timings.of("recognise"):
        prepared(asked, store).carry_out(1, quiet)
    return {"stages": len(plan.stages), "seconds": timings}


def overhead(stages: int, store: Path) -> dict[str, Any]:
    """Begin, run, recognise and report a plan."""
    asked, timings = Request(f"sweep-{stages}", made=recipe(stages)), Timings()
    shutil.rmtree(store, ignore_errors=True)
    with timings.of("start"), suppress(Begun):
        prepared(asked, store).carry_out(1, until_the_first)
    with timings.of("run"):
        experiment = prepared(asked, store).carry_out(1, quiet)
    number = len(experiment.plan.stages)
    worked = sum(json.loads(file.read_text())["seconds"] for file in store.glob("stages/*/stage.json"))
    with timings.of("recognise"):
        again = prepared(asked, store).carry_out(1, quiet)
    with timings.of("report"):
        again.write()
    beside = (timings["run"]["clock"] - worked) / number
    return {"stages": number, "seconds": timings, "in the stages' own work": round(worked, 2), "beside": beside}


class Sleeping:
    """An executor whose stages take a known time and compute nothing: what is left is the runner's own part."""

    def __init__(self, slots: int, seconds: Callable[[Stage], float]) -> None:
        self.slots, self.seconds = slots, seconds
        self.now = 0.0
        self._ends: list[tuple[float, int, Future[Settled]]] = []
        self._number = 0

    def __enter__(self) -> "Sleeping":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left."""

    def submit(self, stage: Stage) -> "Future[Settled]":
        """Let the stage end after its seconds, of a clock that `wait` moves on."""
        done: Future[Settled] = Future()
        self._number += 1
        heapq.heappush(self._ends, (self.now + self.seconds(stage), self._number, done))
        return done

    def wait(self, running: Any, seconds: float) -> None:
        """Go to where the next stage ends."""
        if self._ends:
            self.now, _, done = heapq.heappop(self._ends)
            done.set_result(Settled("done"))


def simulated(plan: Plan, store: Path, workers: int, seconds: Callable[[Stage], float]) -> dict[str, float]:
    """Seconds that a plan takes with so many workers, by the order of the runner itself, and what the runner takes."""
    shutil.rmtree(store, ignore_errors=True)
    begun = time.process_time()
    executor = Sleeping(workers, seconds)
    carry_out(plan, Folder(store), executor, quiet)
    return {"simulated": round(executor.now, 1), "runner": round(time.process_time() - begun, 2)}


def workers_compared(store: Path) -> list[dict[str, Any]]:
    """The quickstart by 1, 2 and 4 processes on this machine."""
    found = []
    for jobs in (1, 2, 4):
        shutil.rmtree(store, ignore_errors=True)
        asked = Request("quickstart", "smoke", seeds=(0, 1, 2, 3))
        begun = time.perf_counter()
        experiment = prepared(asked, store).carry_out(jobs, quiet)
        found.append({"workers": jobs, "seconds": round(time.perf_counter() - begun, 1)})
        print(f"  quickstart, smoke, four seeds, {jobs} workers: {found[-1]['seconds']} s", flush=True)
    seconds = {
        folder.name: json.loads((folder / "stage.json").read_text())["seconds"]
        for folder in (store / "stages").iterdir()
    }
    found.append({"stages": len(experiment.plan.stages), "work": round(sum(seconds.values()), 1)})
    return found


def main() -> None:
    """Measure, print and write."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--stages", default="10,1000,10000")
    words.add_argument("--plan", type=int, help="begin and recognise a plan of so many stages, and run none of them")
    words.add_argument("--store", type=Path, required=True, help="a folder that is emptied")
    words.add_argument("--out", type=Path)
    words.add_argument("--workers", action="store_true", help="also run the quickstart by 1, 2 and 4 processes")
    asked = words.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {"machine": made_with(torch.device("cpu")), "overhead": [], "simulated": []}
    if asked.plan is not None:
        print(f"{asked.plan} stages, not run", flush=True)
        result["planned"] = recognised(asked.plan, asked.store / "plan")
    numbers = [int(number) for number in asked.stages.split(",") if number]
    for number in numbers:
        print(f"{number} stages", flush=True)
        result["overhead"].append(overhead(number, asked.store / "overhead"))
    most = max([*numbers, asked.plan or 0])
    largest = prepared(Request("sweep", made=recipe(most)), asked.store / "largest").plan
    for workers in WORKERS:
        row = simulated(largest, asked.store / "simulated", workers, lambda stage: MINUTE)
        result["simulated"].append({"stages": len(largest.stages), "workers": workers, **row})
        print(f"  {MINUTE:g} s a stage, {workers} workers: {row}", flush=True)
    if asked.workers:
        result["quickstart"] = workers_compared(asked.store / "quickstart")
    if asked.out is not None:
        asked.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
