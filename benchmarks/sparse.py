"""Pruned layers of the article's network on a CPU: our sparse layer, dense layers, torch CSR and scipy, side by side.

    python benchmarks/sparse.py --threads 2 --out results/benchmarks/sparse.json

Everybody gets images as torch lays them out and gives them back so, transposing included. With one thread, the time is
that of the thread, which a busy machine does not lengthen; else it is the time on the wall. A figure of time against
entries is written beside the JSON file, and the table and the lines of docs/sparse.md are printed at the end. `--only
fc1` measures one layer. What an interrupted run has measured is not measured again.
"""

import json
import math
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor, nn

from blackthorn.deploy import SparseLayer, unroll
from blackthorn.deploy.sparse_layer import from_linear
from timing import arguments, finish, rounds

SIDE = 28
CONVOLUTIONS = {"conv2": (12, 15, 5), "conv3": (15, 25, 3), "conv4": (25, 20, 3)}  # in, out, kernel: Gannon 2018
LINEAR = {"fc1": (15_680, 1500)}
ZEROS = {"fc1": (0.5, 0.8, 0.9, 0.95, 0.98, 0.99), "conv": (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)}
BATCHES = (1, 16, 250)
SAMPLE = 5e-3  # seconds; a shorter call is repeated
ASKED = [  # layer, zeros, against, at least as many times faster at batch 250
    ("fc1", 0.98, "dense float32", 6.0),
    ("fc1", 0.98, "scipy", 2.5),
    ("fc1", 0.98, "dense bf16", 1.0),
    ("fc1", 0.9, "dense float32", 1.0),
    *[(name, 0.9, "dense float32", 2.0) for name in CONVOLUTIONS],
]
SHOWN = [  # rows of the table in docs/sparse.md: layer, zeros, batch
    *[("fc1", zeros, 250) for zeros in ZEROS["fc1"]],
    *[("fc1", zeros, batch) for batch, rates in ((16, (0.9, 0.98)), (1, (0.5, 0.9, 0.98))) for zeros in rates],
    *[(name, 0.9, 250) for name in CONVOLUTIONS],
    *[("conv2", zeros, batch) for zeros, batch in ((0.0, 250), (0.5, 250), (0.9, 16), (0.9, 1))],
]


def main() -> None:
    """Measure every layer at every rate and batch."""
    options = arguments(__doc__)
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    asked = [name for name in [*LINEAR, *CONVOLUTIONS] if options.only in (None, name)]
    partial = None if options.out is None else options.out.with_suffix(".partial.json")
    rows = [row for row in interrupted(partial) if row["layer"] in asked]
    for name, zeros in [(one, zeros) for one in asked for zeros in ZEROS[one if one in LINEAR else "conv"]]:
        if not any((row["layer"], row["zeros"]) == (name, zeros) for row in rows):
            rows += measured(name, zeros, max(5, options.rounds))
            finish("sparse", rows, partial)
    fits = [line(name, rows) for name in dict.fromkeys(row["layer"] for row in rows)]
    print("\nTime of our layer at batch 250 against the entries that are left, a straight line by least squares")
    said = [
        f"{fit['layer']} {fit['fixed_ms']:.1f} ms + {fit['ns_per_entry']:.1f} ns an entry (R² {fit['r2']:.3f})"
        for fit in fits
    ]
    print("; ".join(said))
    print("\n" + "\n".join(table_of(rows)))
    print("\nWhat was to be reached, batch 250")
    for name, zeros, against, at_least in ASKED:
        for row in rows:
            if (row["layer"], row["zeros"], row["batch"], row["name"]) == (name, zeros, 250, "blackthorn"):
                times = row["times_faster_than"][against]
                print(f"{name}, {zeros:.0%} zeros: {times:5.2f} times {against}, wanted {at_least:g}")
    print(f"\n{clock().__name__}, {torch.get_num_threads()} threads")
    finish("sparse", [*rows, *({"fit": fit} for fit in fits)], options.out)
    if options.out is not None and len(fits) > 1:
        draw(rows, fits, options.out.with_suffix(".png"))
    if partial is not None:
        partial.unlink(missing_ok=True)


def interrupted(path: Path | None) -> list[dict[str, Any]]:
    """The rows of a run that was cut off, with as many threads as this one."""
    if path is None or not path.exists():
        return []
    held = json.loads(path.read_text())
    rows: list[dict[str, Any]] = held["rows"]
    return rows if held["threads"] == torch.get_num_threads() else []


def measured(name: str, zeros: float, n: int) -> list[dict[str, Any]]:
    """The candidates in turn at each batch size, one row each; ratios are medians of the ratios round by round."""
    dense, layer = layers(name, zeros)
    matrix = scipy.sparse.csr_array(as_scipy(layer))
    rows = []
    for batch in BATCHES:
        x = torch.rand(batch, *layer.in_shape)
        calls = candidates(dense, layer, matrix, x)
        check(calls, exact=zeros == 0.0 or name in LINEAR)
        often = {one: repeats(call) for one, call in calls.items()}
        took = rounds({one: several(call, often[one]) for one, call in calls.items()}, n, clock())
        seconds = {one: [second / often[one] for second in held] for one, held in took.items()}
        best = min(("scipy CSR", "scipy CSC"), key=lambda one: statistics.median(seconds[one]))
        seconds["scipy"] = seconds[best]
        print(f"\n{name}, {zeros:.0%} zeros, {len(layer.weight):,} entries, batch {batch}", end="")
        print(f", {torch.get_num_threads()} threads")
        for one in calls:
            ratios = {
                other: statistics.median(theirs / own for theirs, own in zip(held, seconds[one]))
                for other, held in seconds.items()
                if other not in (one, "scipy CSR", "scipy CSC")
            }
            row = {
                "layer": name,
                "zeros": zeros,
                "entries": len(layer.weight),
                "batch": batch,
                "name": one,
                "median_s": statistics.median(seconds[one]),
                "min_s": min(seconds[one]),
                "max_s": max(seconds[one]),
                "rounds": n,
                "clock": clock().__name__,
                "times_faster_than": ratios,
            }
            rows.append(row)
            dense_ratio = ratios.get("dense float32", 1.0)
            spread = f"[{row['min_s'] * 1e3:.3f}, {row['max_s'] * 1e3:.3f}]"
            print(f"{one:14s} {row['median_s'] * 1e3:10.3f} ms  {spread:20s} {dense_ratio:7.2f}x dense", flush=True)
    return rows


def layers(name: str, zeros: float) -> tuple[nn.Module, SparseLayer]:
    """The dense layer, and ours with that share of its weights or, for a convolution, of its connections removed."""
    if name in LINEAR:
        linear = nn.Linear(*LINEAR[name], bias=False).eval()
        linear.weight[torch.rand_like(linear.weight) < zeros] = 0.0
        return linear, from_linear(linear)
    channels, filters, kernel = CONVOLUTIONS[name]
    conv = nn.Conv2d(channels, filters, kernel, padding=kernel // 2, bias=False).eval()
    layer = unroll(conv, (SIDE, SIDE))
    layer.weight[torch.rand_like(layer.weight) < zeros] = 0.0
    return conv, layer.without_zeros()


def as_scipy(layer: SparseLayer) -> scipy.sparse.coo_array:
    """Its matrix in torch's order of values."""
    length, groups, out_length, out_groups = layer.sizes
    outputs = out_length * out_groups
    counts = layer.rows.diff(dim=1).flatten().long()
    row = torch.arange(outputs).repeat(len(layer.rows)).repeat_interleave(counts)
    column = layer.columns.long()
    row = row % out_groups * out_length + row // out_groups
    column = column % groups * length + column // groups
    return scipy.sparse.coo_array((layer.weight.numpy(), (row.numpy(), column.numpy())), (outputs, length * groups))


def candidates(
    dense: nn.Module, layer: SparseLayer, matrix: scipy.sparse.csr_array, x: Tensor
) -> dict[str, Callable[[], Tensor]]:
    """Name -> a call from images to flat outputs."""
    half, x_half = type(dense)(*sizes(dense)).to(torch.bfloat16).eval(), x.bfloat16()
    half.load_state_dict(dense.state_dict())
    by_column, flat, numbers = matrix.tocsc(), x.flatten(1), x.flatten(1).numpy()
    pointers, columns = torch.from_numpy(matrix.indptr).int(), torch.from_numpy(matrix.indices).int()
    values = torch.from_numpy(matrix.data)
    torch_csr = torch.sparse_csr_tensor(pointers, columns, values, matrix.shape, check_invariants=True)
    return {
        "blackthorn": lambda: layer(x).flatten(1),
        "dense float32": lambda: dense(x).flatten(1),
        "dense bf16": lambda: half(x_half).flatten(1),
        "torch CSR": lambda: (torch_csr @ flat.t()).t().contiguous(),
        "scipy CSR": lambda: torch.from_numpy(np.ascontiguousarray((matrix @ numbers.T).T)),
        "scipy CSC": lambda: torch.from_numpy(np.ascontiguousarray((by_column @ numbers.T).T)),
    }


def sizes(dense: nn.Module) -> tuple[Any, ...]:
    """What makes a layer like this one."""
    if isinstance(dense, nn.Linear):
        return dense.in_features, dense.out_features, False
    assert isinstance(dense, nn.Conv2d)
    return dense.in_channels, dense.out_channels, dense.kernel_size, 1, dense.padding, 1, 1, False


def check(calls: dict[str, Callable[[], Tensor]], *, exact: bool) -> None:
    """Everybody computes the same; a convolution whose connections were pruned is no dense convolution any more."""
    ours = calls["blackthorn"]()
    for name, call in calls.items():
        if exact or not name.startswith("dense"):
            off = float((call().float() - ours).abs().max() / ours.abs().max())
            assert off < (2e-2 if name == "dense bf16" else 1e-4), (name, off)


def repeats(call: Callable[[], object]) -> int:
    """How often to call for a sample that the clock can measure."""
    shortest = min(rounds({"": call}, 3, clock())[""])
    return max(1, math.ceil(SAMPLE / shortest))


def clock() -> Callable[[], float]:
    """Seconds of this thread if there is no other, else seconds."""
    return time.thread_time if torch.get_num_threads() == 1 else time.perf_counter


def several(call: Callable[[], object], n: int) -> Callable[[], None]:
    """`n` calls as one."""

    def run() -> None:
        for _ in range(n):
            call()

    return run


def line(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Our times at batch 250 against the entries, by least squares; the shortest, which others disturb least."""
    ours = [row for row in rows if (row["layer"], row["batch"], row["name"]) == (name, 250, "blackthorn")]
    entries, seconds = (np.array([row[key] for row in ours], dtype=float) for key in ("entries", "min_s"))
    slope, fixed = np.polyfit(entries, seconds, 1)
    left = ((seconds - fixed - slope * entries) ** 2).sum() / ((seconds - seconds.mean()) ** 2).sum()
    return {
        "layer": name,
        "fixed_ms": 1e3 * fixed,
        "ns_per_entry": 1e9 * slope,
        "r2": 1 - left,
        "macs_per_s": 250 / slope,
    }


def table_of(rows: list[dict[str, Any]]) -> list[str]:
    """The table of docs/sparse.md: milliseconds, the fastest in bold."""
    forms = ("blackthorn", "dense float32", "dense bf16", "torch CSR")
    lines = [
        "| layer | zeros | batch | sparse | dense float32 | dense bf16 | torch CSR | scipy, the better | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in SHOWN:
        held = {row["name"]: row for row in rows if (row["layer"], row["zeros"], row["batch"]) == case}
        if held:
            ms = [1e3 * held[form]["median_s"] for form in forms]
            ms.append(1e3 * min(held[form]["median_s"] for form in ("scipy CSR", "scipy CSC")))
            digits = [f"{one:.{0 if one >= 100 else 1 if one >= 10 else 2}f}" for one in ms]
            shown = [f"**{said}**" if one == min(ms) else said for one, said in zip(ms, digits)]
            times = held["blackthorn"]["times_faster_than"]["dense float32"]
            ratio = f"{times:.1f} times faster" if times >= 1 else f"{1 / times:.1f} times slower"
            name, zeros, batch = case
            lines.append(f"| {name} | {zeros * 100:.0f} % | {batch} | {' | '.join(shown)} | {ratio} than dense |")
    return lines


def draw(rows: list[dict[str, Any]], fits: list[dict[str, Any]], path: Path) -> None:
    """Time against entries: our layer with its line, and the dense layer's time as a level."""
    import vl_convert

    wanted = {"blackthorn": "sparse (Blackthorn)", "dense float32": "dense float32", "scipy CSC": "scipy CSC"}
    points = [
        {**{key: row[key] for key in ("layer", "entries")}, "ms": 1e3 * row["min_s"], "form": wanted[row["name"]]}
        for row in rows
        if row["batch"] == 250 and row["name"] in wanted
    ]
    lines = [
        {"layer": fit["layer"], "entries": at, "ms": fit["fixed_ms"] + 1e-6 * fit["ns_per_entry"] * at}
        for fit in fits
        for at in (0, max(row["entries"] for row in rows if row["layer"] == fit["layer"]))
    ]
    axes = {
        "x": {"field": "entries", "type": "quantitative", "title": "entries", "axis": {"format": "~s", "tickCount": 5}},
        "y": {"field": "ms", "type": "quantitative", "title": "ms, batch 250"},
    }
    colour = {"field": "form", "type": "nominal", "title": None, "scale": {"range": ["#d55e00", "#0072b2", "#009e73"]}}
    shape = {"field": "form", "type": "nominal", "title": None}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": [{**point, "what": "time"} for point in points] + [{**one, "what": "fit"} for one in lines]},
        "facet": {"field": "layer", "type": "nominal", "title": None},
        "columns": 2,
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
        "spec": {
            "width": 300,
            "height": 200,
            "layer": [
                {
                    "transform": [{"filter": "datum.what == 'fit'"}],
                    "mark": {"type": "line", "strokeDash": [4, 3], "color": "#59636e"},
                    "encoding": axes,
                },
                {
                    "transform": [{"filter": "datum.what == 'time'"}],
                    "mark": {"type": "point", "filled": True, "size": 60},
                    "encoding": {**axes, "color": colour, "shape": shape},
                },
            ],
        },
        "config": {"background": "white", "font": "sans-serif"},
    }
    path.write_bytes(vl_convert.vegalite_to_png(spec, scale=2))


if __name__ == "__main__":
    main()
