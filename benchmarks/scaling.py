"""What a stage costs beside its work, for plans of 10, 1,000 and 10,000 stages, and what more workers gain.

    python benchmarks/scaling.py --stages 10,1000,10000 --store /tmp/scaling --out results/benchmarks/scaling.json
    python benchmarks/scaling.py --parts --workers --store /tmp/scaling --out results/benchmarks/scaling.json
    python benchmarks/scaling.py --simulate --store /tmp/scaling --out results/benchmarks/scaling.json

A sweep of prunings of one small network is laid out, begun, run to its end by one process, recognised as finished, and
its report is written. The work of a stage is some milliseconds here, so what is measured is the rest. Seconds are those
of a clock, and beside them those of the processor, which other programs cannot lengthen. `--parts` times what a
simulation needs to know: the store's part in a stage, and the start of a process. `--workers` runs the quickstart by 1,
2 and 4 processes. `--simulate` lets the runner hand a plan of 10,000 stages to workers that compute nothing, by a clock
that jumps from event to event: each starts a process where one is started for each stage, works for a known time, and
then waits for its turn at the store, which serves one stage after the other. Every worker has a core or GPU of its own.

What is not asked for stays in the file as it was.
"""

import argparse
import heapq
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from blackthorn.errors import BlackthornError
from blackthorn.experiment import Experiment
from blackthorn.files import write_whole
from blackthorn.recipes import plan as laid_out
from blackthorn.recipes import read_recipe
from blackthorn.recipes.planning import Plan
from blackthorn.recipes.reading import published
from blackthorn.recipes.request import Request
from blackthorn.running import Folder
from blackthorn.running.events import Event, quiet
from blackthorn.running.executor import Settled
from blackthorn.running.provenance import made_with
from blackthorn.running.runner import carry_out
from blackthorn.stages import Stage

MOST = 10_000  # stages that are simulated
SECONDS = (1.0, 10.0, 60.0)  # of a stage in the simulation
WORKERS = (4, 16, 100, 400)


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
    return {
        "stages": number,
        "seconds": timings,
        "work_s": round(worked, 2),
        "beside_ms": round(1000 * beside, 2),
        "per_second_of_overhead": round(1 / beside),
    }


class Simulated:
    """An executor whose stages take a known time and compute nothing, on workers that share a store."""

    def __init__(self, slots: int, seconds: Mapping[str, float], store: float, start: float) -> None:
        self.slots, self.seconds, self.store, self.start = slots, seconds, store, start
        self.now = self.busy = self._free = 0.0
        self._events: list[tuple[float, int, bool, Future[Settled]]] = []
        """When, a number that keeps the order, whether it is kept already, and what is settled then."""
        self._numbers = itertools.count()

    def __enter__(self) -> "Simulated":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left."""

    def submit(self, stage: Stage) -> "Future[Settled]":
        """Let the stage be computed after its seconds, of a clock that `wait` moves on."""
        done: Future[Settled] = Future()
        end = self.now + self.start + self.seconds[stage.name]
        heapq.heappush(self._events, (end, next(self._numbers), False, done))
        return done

    def wait(self, running: Any, seconds: float) -> None:
        """Go to where the next stage is kept: what was computed first has its turn at the store first."""
        while self._events:
            self.now, number, kept, done = heapq.heappop(self._events)
            if kept:
                done.set_result(Settled("done"))
                return
            self._free = max(self._free, self.now) + self.store
            self.busy += self.store
            heapq.heappush(self._events, (self._free, number, True, done))


def simulated(
    plan: Plan, folder: Path, workers: int, seconds: Mapping[str, float], store: float = 0.0, start: float = 0.0
) -> dict[str, float]:
    """What a plan takes with so many workers, by the order of the runner itself.

    Args:
        plan: the stages.
        folder: a store, which is emptied.
        workers: how many.
        seconds: the work of each stage, by its name.
        store: seconds that the store takes for a stage, one after the other.
        start: seconds that a process takes to start, for each stage.
    """
    shutil.rmtree(folder, ignore_errors=True)
    begun = time.process_time()
    executor = Simulated(workers, seconds, store, start)
    carry_out(plan, Folder(folder), executor, quiet)
    took = time.process_time() - begun
    work = sum(seconds[stage.name] for stage in plan.stages)
    return {
        "workers": workers,
        "seconds": round(executor.now, 1),
        "used": round(work / executor.now / workers, 3),
        "store": round(executor.busy / executor.now, 3),
        "runner_ms": round(1000 * took / len(plan.stages), 3),
    }


def parts(store: Path) -> dict[str, float]:
    """Seconds of the store's own part in a stage, and of a process that starts and reads images: medians."""
    shutil.rmtree(store, ignore_errors=True)
    kept, each = Folder(store), []
    for number in range(500):
        begun = time.perf_counter()
        with kept.lease(f"{number:012x}") as lease, kept.work(f"none-{number:012x}", lease) as folder:
            for name in ("stage.json", "records.json", "flags.npy"):
                write_whole(folder / name, bytes(1000))
        each.append(time.perf_counter() - begun)
    code = "import torch, blackthorn as bt; from blackthorn.running import there; bt.load_data('digits')"
    starts = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        starts.append(time.perf_counter() - begun)
    found = {"store_s": round(statistics.median(each), 5), "start_s": round(statistics.median(starts), 2)}
    print(f"  the store's part in a stage {1000 * found['store_s']:.1f} ms, a process {found['start_s']} s", flush=True)
    return found


def workers_compared(store: Path) -> dict[str, Any]:
    """The quickstart by 1, 2 and 4 processes on this machine; and simulated, by the seconds that one process took."""
    found: list[dict[str, Any]] = []
    seconds: dict[str, float] = {}
    for jobs in (1, 2, 4):
        shutil.rmtree(store, ignore_errors=True)
        experiment = prepared(Request("quickstart", "smoke", seeds=(0, 1)), store)
        begun = time.perf_counter()
        experiment.carry_out(jobs, quiet)
        found.append({"workers": jobs, "seconds": round(time.perf_counter() - begun, 1)})
        if jobs == 1:
            seconds = {
                folder.name: json.loads((folder / "stage.json").read_text())["seconds"]
                for folder in (store / "stages").iterdir()
            }
        simulation = simulated(experiment.plan, store.with_name("simulated"), jobs, seconds)
        found[-1]["simulated"] = simulation["seconds"]
        print(f"  quickstart, smoke, two seeds: {found[-1]}", flush=True)
    return {"stages": len(seconds), "work": round(sum(seconds.values()), 1), "runs": found}


def chains(data_root: Path | None) -> list[dict[str, Any]]:
    """For the published recipes, as written: how many workers could be busy, since stages wait for each other."""
    found = []
    for name in published():
        recipe = read_recipe(name)
        try:
            plan = laid_out(recipe, recipe.data.load(data_root))
        except BlackthornError as problem:  # its images, or what its network needs, are not here
            print(f"  {name}: left out ({problem})", flush=True)
            continue
        longest: dict[str, float] = {}
        for stage in plan.stages:
            longest[stage.key] = stage.effort + max((longest[need.key] for need in stage.needs), default=0.0)
        whole = sum(stage.effort for stage in plan.stages)
        row = {"recipe": name, "stages": len(plan.stages), "busy": round(whole / max(longest.values()), 1)}
        found.append(row)
        print(f"  {row}", flush=True)
    return found


def simulations(known: dict[str, float], store: Path) -> dict[str, Any]:
    """A plan of 10,000 stages on more workers than this machine has."""
    plan = prepared(Request("sweep", made=recipe(MOST)), store / "largest").plan
    rows = []
    for seconds, workers, starts in itertools.product(SECONDS, WORKERS, (False, True)):
        start = known["start_s"] if starts else 0.0
        work = {stage.name: seconds for stage in plan.stages}
        row = simulated(plan, store / "simulated", workers, work, known["store_s"], start)
        rows.append({"each": seconds, "process_for_each": starts, **row})
        print(f"  {rows[-1]}", flush=True)
    return {"stages": len(plan.stages), "rows": rows}


def main() -> None:
    """Measure, print and write."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--stages", default="", help="run plans of so many stages: 10,1000,10000")
    words.add_argument("--store", type=Path, required=True, help="a folder that is emptied")
    words.add_argument("--data-root", type=Path, help="where the images of published recipes are")
    words.add_argument("--out", type=Path)
    words.add_argument("--parts", action="store_true", help="time the store's part in a stage, and a process's start")
    words.add_argument("--workers", action="store_true", help="run the quickstart by 1, 2 and 4 processes")
    words.add_argument("--simulate", action="store_true", help="simulate many workers, with the parts that are known")
    asked = words.parse_args()
    torch.set_num_threads(1)
    there = asked.out is not None and asked.out.is_file()
    result: dict[str, Any] = json.loads(asked.out.read_text()) if there else {"overhead": []}
    result["machine"] = made_with(torch.device("cpu"))

    def keep() -> None:
        if asked.out is not None:
            asked.out.write_text(json.dumps(result, indent=1) + "\n")

    for number in [int(number) for number in asked.stages.split(",") if number]:
        print(f"{number} stages", flush=True)
        row = overhead(number, asked.store / "overhead")
        others = [other for other in result["overhead"] if other["stages"] != row["stages"]]
        result["overhead"] = sorted([*others, row], key=lambda row: int(row["stages"]))
        keep()
    if asked.parts:
        result["parts"] = parts(asked.store / "parts")
        keep()
    if asked.workers:
        result["quickstart"] = workers_compared(asked.store / "quickstart")
    if asked.simulate:
        result["chains"] = chains(asked.data_root)
        keep()
        result["simulated"] = simulations(result["parts"], asked.store)
    keep()


if __name__ == "__main__":
    main()
