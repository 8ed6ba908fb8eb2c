"""Pages with made-up numbers, for tests and for looking at: `python tests/report/demo.py FOLDER`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from blackthorn.claims import HighCompression, HighRobustness, Selected, Selection, Verdict, choose
from blackthorn.report import Page, write
from blackthorn.results import (
    AccuracyRecord,
    Cell,
    CostRecord,
    Grid,
    LossSurfaceRecord,
    PruningCurveRecord,
    Published,
    Record,
    Row,
    VulnerabilityMapRecord,
    VulnerabilityRecord,
    wilson,
)

ATTACKS: dict[str, dict[str, Any] | None] = {
    "natural": None,
    "fgsm 0.1": {"kind": "fgsm", "eps": 0.1},
    "fgsm 0.2": {"kind": "fgsm", "eps": 0.2},
    "fgsm 0.3": {"kind": "fgsm", "eps": 0.3},
    "pgd 0.3": {"kind": "pgd", "norm": "linf", "eps": 0.3, "steps": 40, "step_size": 0.01},
}
NUMBERS = {
    "dense": (0.989, 0.672, 0.291, 0.127, 0.003),
    "weight 98%": (0.9875, 0.489, 0.104, 0.042, 0.0),
    "filter 75%": (0.985, 0.525, 0.172, 0.081, 0.001),
}
PAPER = {
    "dense": dict(zip(ATTACKS, (99.0, 70.3, 30.4, 13.6, 0.3))),
    "weight 98%": dict(zip(ATTACKS, (99.0, 47.1, 11.3, 4.0, 0.0))),
    "filter 75%": dict(zip(ATTACKS, (98.8, 52.8, 16.5, 8.5, 0.0))),
}
COSTS = {  # parameters, non-zero, multiply-adds, bytes, milliseconds at batch 1 and 128
    ("dense", "dense"): (312_202, 312_202, 4_241_152, 1_256_320, 0.61, 19.8),
    ("weight 98%", "dense"): (312_202, 312_202, 4_241_152, 1_256_320, 0.61, 19.8),
    ("weight 98%", "masked"): (312_202, 6_420, 4_241_152, 1_256_320, 0.60, 19.9),
    ("filter 75%", "dense"): (312_202, 312_202, 4_241_152, 1_256_320, 0.61, 19.7),
    ("filter 75%", "masked"): (312_202, 78_300, 4_241_152, 1_256_320, 0.61, 20.1),
    ("filter 75%", "shrunk"): (78_244, 78_244, 1_402_880, 318_912, 0.38, 7.4),
}


def accuracy_cell(
    folder: Path,
    row: str,
    metric: str,
    rate: float,
    *,
    seed: int = 0,
    n: int = 10_000,
    attack: Mapping[str, Any] | None = None,
    **more: Any,
) -> Cell[AccuracyRecord]:
    """A cell whose flags hold exactly `rate * n` right answers; the easy images are easy for everyone."""
    right = round(rate * n)
    order = np.random.default_rng(7).permutation(n)
    flags = np.zeros(n, dtype=np.bool_)
    flags[order[:right]] = True
    swapped = np.random.default_rng(seed + len(row)).choice(min(right, n - right) + 1, replace=False)
    flags[order[:swapped]], flags[order[right : right + swapped]] = False, True
    low, high = wilson(right, n)
    said: dict[str, Any] = {"value": right / n, "n": n, "low": low, "high": high, "seed": seed}
    if attack is not None:
        said |= {"attack": dict(attack), "eps": attack["eps"]}
    return Cell(row, metric, seed, AccuracyRecord(**(said | more)), flags, folder)


def cost_cells(folder: Path, row: str, form: str, numbers: Sequence[float], seed: int = 0) -> list[Cell[CostRecord]]:
    """Six cost records, as one measure writes them."""
    kinds = [
        ("parameters", None),
        ("nonzero", None),
        ("macs", None),
        ("bytes", None),
        ("latency", 1),
        ("latency", 128),
    ]
    cells = []
    for (metric, batch), value in zip(kinds, numbers):
        unit = {"bytes": "bytes", "latency": "ms"}.get(metric, "count")
        spread = 0.04 if metric == "latency" else 0.0
        low, high = value * (1 - spread), value * (1 + spread)
        record = CostRecord(metric=metric, form=form, batch=batch, value=value, low=low, high=high, unit=unit, n=30)
        cells.append(Cell(row, "cost", seed, record, None, folder))
    return cells


def row_of(name: str) -> Row:
    """A row whose name says how it was pruned: "pgd weight 94%" was pruned from "pgd dense"."""
    family, _, rate = name.rpartition(" ")
    if not rate.endswith("%"):
        return Row(name, family=name)
    training = family.rpartition(" ")[0]
    return Row(name, f"{training} dense".strip(), float(rate.removesuffix("%")) / 100, family)


def grid(
    cells: Sequence[Cell[Record]],
    *,
    rows: Sequence[Row | str] = (),
    metrics: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
) -> Grid:
    """The grid of these cells, with rows and metrics in the order given, then in that of the cells."""
    kinds: dict[str, str] = dict.fromkeys(metrics, "accuracy")
    kinds |= {cell.metric: cell.record.measure for cell in cells}
    given = [row if isinstance(row, Row) else row_of(row) for row in rows]
    known = {row.name: row for row in given}
    names = list(dict.fromkeys([*known, *(cell.row for cell in cells)]))
    made = [known.get(name) or row_of(name) for name in names]
    there = [replace(row, base=row.base if row.base in names else None) for row in made]
    return Grid(there, kinds, seeds, cells)


def with_cells(page: Page, cells: Sequence[Cell[Record]], **more: Any) -> Page:
    """The page with these cells instead; `more` as for `grid`."""
    return replace(page, grid=grid(cells, **more))


def chosen(selections: Mapping[str, Selection], held: Grid) -> list[Selected]:
    """What the selections pick from a grid."""
    return choose(selections, held)


def examples(folder: Path, eps: float, *, colour: bool = False, fooled: Sequence[int] = (3, 5, 3, 7, 4, 5)) -> Path:
    """Six images of round strokes with a perturbation of radius eps."""
    folder.mkdir(parents=True, exist_ok=True)
    side, rng = (32 if colour else 28), np.random.default_rng(int(eps * 1000) + len(folder.name))
    h, w = np.mgrid[:side, :side] / (side - 1) - 0.5
    label = np.array([0, 1, 2, 7, 4, 8])
    strokes = [np.exp(-(((np.hypot(h * (1 + k / 9), w) - 0.25 - k / 60) / 0.06) ** 2)) for k in label]
    original = np.stack(strokes)[:, None].repeat(3 if colour else 1, axis=1).astype(np.float32)
    if colour:
        original = np.clip(0.2 + 0.6 * original * rng.uniform(0.3, 1, (6, 3, 1, 1)) + 0.2 * (w + 0.5), 0, 1).astype(
            np.float32
        )
    noise = np.sign(rng.normal(size=original.shape) + 2 * np.sin(9 * h + 5 * w)) * eps
    adversarial = np.clip(original + noise, 0, 1).astype(np.float32)
    save_file(
        {
            "original": original,
            "adversarial": adversarial,
            "label": label,
            "predicted": label,
            "predicted_adversarial": np.array(fooled),
        },
        folder / "examples.safetensors",
    )
    return folder


NOISES = ("1, 0.15", "2, 0.25", "3, 0.25", "5, 0.1", "5, 0.15", "5, 0.35", "7, 0.3", "8, 0.2", "9, 0.2")


def curve_cells(
    folder: Path,
    row: str,
    metric: str,
    *,
    layer: str | None = None,
    rates: int = 100,
    seed: int = 0,
    n: int = 10_000,
    highest: bool = True,
) -> list[Cell[PruningCurveRecord]]:
    """The cells of one pruning curve: robustness rises and falls later than natural accuracy, which holds to 90 %."""
    cells = []
    for place, noise in enumerate((None, *NOISES)):
        for step in range(rates):
            rate = round(step / rates, 4)
            drop = 0.9 * max(0.0, (rate - 0.88) / 0.12) ** 2
            value = 0.984 - drop if noise is None else max(0.1, 0.1 * place * (1 + 0.6 * rate**2) - drop)
            right = round(n * min(value, 0.984))
            record = PruningCurveRecord(
                criterion="magnitude",
                layer=layer,
                rate=rate,
                sparsity=rate * 0.99,
                noise=noise,
                value=right / n,
                low=right / n - 0.002,
                high=right / n + 0.002,
                n=n,
                gained=0,
                lost=0,
                targeted_success=None if noise is None else 1 - right / n,
                highest=highest and step == int(0.88 * rates),
                seed=seed,
            )
            cells.append(Cell(row, metric, seed, record, None, folder))
    return cells


def curves(folder: Path, rates: int = 100) -> Page:
    """A network pruned whole by three rules, and layer by layer by two, under nine noises."""
    cells: list[Cell[Record]] = [accuracy_cell(folder, "dense", "natural", 0.984)]
    for metric in ("absolute", "activated", "combined"):
        cells += curve_cells(folder, "dense", metric, rates=rates)
    for metric in ("absolute, alone", "activated, alone"):
        for layer in ("fc1", "fc2", "fc3", "out"):
            cells += curve_cells(folder, "dense", metric, layer=layer, rates=rates)
    return with_cells(bare(folder), cells)


def table1(folder: Path, seeds: Sequence[int] = (0, 1, 2)) -> Page:
    """A finished run of the size of a paper's table."""
    rng = np.random.default_rng(0)
    cells: list[Cell[Record]] = []
    zeros = {"dense": (0.0, 0.0, 0.0), "weight 98%": (0.98, 0.11, 0.07), "filter 75%": (0.751, 0.46, 0.31)}
    for seed in seeds:
        for row, rates in NUMBERS.items():
            for (metric, attack), rate in zip(ATTACKS.items(), rates):
                place = folder / f"{row}-{metric}-{seed}".replace("%", "")
                if attack is not None:
                    examples(place, attack["eps"])
                moved = float(np.clip(rate + rng.normal() * 0.012 * (rate < 0.95) * (rate > 0.01), 0, 1))
                warned = ["gradients of 12 of 10,000 images vanish: try loss='margin'"]
                cells.append(
                    accuracy_cell(
                        place,
                        row,
                        metric,
                        moved,
                        seed=seed,
                        attack=attack,
                        norm="linf",
                        sparsity_weights=zeros[row][0],
                        sparsity_filters=zeros[row][1],
                        sparsity_units=zeros[row][2],
                        warnings=warned if metric == "pgd 0.3" and row != "filter 75%" else [],
                        dataset="mnist",
                        architecture="wang_cnn",
                        device="cpu",
                        threads=2,
                        torch="2.13.0",
                        precision="float32",
                        seconds=12.5,
                        classes=[str(digit) for digit in range(10)],
                    )
                )
        for (row, form), numbers in COSTS.items():
            cells += cost_cells(folder, row, form, [v * (1 + 0.01 * rng.normal() * (v < 100)) for v in numbers], seed)
    return Page(
        title="Pruned networks are easier to fool",
        about="Wang's CNN on MNIST, dense and pruned by weights and by filters, under FGSM and PGD: "
        "table 1 of Wang et al. 2018, run again.",
        recipe="wang2018-table1",
        preset="full",
        grid=grid(cells, rows=list(NUMBERS), metrics=list(ATTACKS), seeds=seeds),
        missing=[],
        published=Published("Wang et al. 2018, Adversarial robustness of pruned neural networks, table 1", PAPER),
        verdicts=[
            Verdict(
                "Pruned keeps natural accuracy within 0.5 points",
                True,
                "weight 98%: −0.15 points (95 %: −0.32 to 0.02); filter 75%: −0.40 points (−0.60 to −0.20)",
            ),
            Verdict(
                "Pruned is more vulnerable to FGSM at every eps",
                False,
                "filter 75% under fgsm 0.2: −1.1 points, paired test p = 0.14; the other five have p < 0.001",
            ),
            Verdict("PGD breaks every network", None, "pgd 0.3 of filter 75% is not there yet"),
        ],
        selections=[],
        command="blackthorn run wang2018-table1 --preset full --seeds 0,1,2",
        recipe_text="name: wang2018-table1\ndata: mnist\nstages:\n  dense: {kind: train, epochs: 20}\n",
        provenance={
            "seeds": "0 1 2",
            "version": "0.1.0",
            "commit": "c0cb364",
            "hardware": "2 cores",
            "duration": "31 min",
        },
    )


def sweep(folder: Path, rates: int = 20) -> Page:
    """Twenty sparsities, two kinds of training, ten metrics, half of the last training missing."""
    radii = (1, 2, 4, 8)
    attacks: dict[str, dict[str, Any] | None] = {"natural": None}
    attacks |= {f"fgsm {k}/255": {"kind": "fgsm", "eps": k / 255} for k in radii}
    attacks |= {f"pgd {k}/255": {"kind": "pgd", "norm": "linf", "eps": k / 255, "steps": 20} for k in radii}
    attacks["pgd l2 0.5"] = {"kind": "pgd", "norm": "l2", "eps": 0.5, "steps": 20}
    cells: list[Cell[Record]] = []
    rows: list[str] = []
    missing: list[str] = []
    for training, top, slope in (("", 0.94, 17.0), ("pgd ", 0.84, 4.5)):
        for row, rate in [(f"{training}dense", 0.0)] + [
            (f"{training}weight {r:.4g}%", r / 100) for r in np.linspace(5, 99, rates)
        ]:
            rows.append(row)
            for metric, attack in attacks.items():
                if training and rate > 0.8 and metric.startswith("pgd"):
                    missing.append(f"{row}, {metric}, seed 0: not run yet")
                    continue
                eps = 0.0 if attack is None else attack["eps"] * (0.06 if attack.get("norm") == "l2" else 1)
                strength = 1.0 if metric.startswith("fgsm") else 1.4
                kept = top * (1 - 0.35 * rate**9) * float(np.exp(-slope * strength * eps * (1 + 0.8 * rate**4) * 3))
                cells.append(
                    accuracy_cell(folder, row, metric, kept, n=2000, attack=attack, norm="linf", sparsity_weights=rate)
                )
    page = table1(folder, seeds=(0,))
    return replace(
        page,
        title="How far can a network be pruned before its armour goes?",
        about="ResNet-18 on CIFAR-10, standard and PGD-trained, at twenty sparsities.",
        recipe="sparsity-sweep",
        preset="lite",
        grid=grid(cells, rows=rows, metrics=list(attacks)),
        missing=missing,
        published=None,
        verdicts=[],
    )


def trade_off(folder: Path, done: float = 1.0, seeds: Sequence[int] = (0,)) -> Page:
    """Weights and filters, two kinds of training, twelve rates each; `done` = how much of it is measured."""
    trainings = {"fgsm": (0.992, 0.979, 0.94, 0.847, 0.01), "pgd": (0.99, 0.973, 0.956, 0.935, 0.925)}
    hold = {"weight": 30.0, "filter": 7.0}  # how late it gives way: the power of the rate
    steps = {"weight": [40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 98], "filter": list(range(20, 85, 5))}
    cells: list[Cell[Record]] = []
    rows: list[str] = []
    for training, tops in trainings.items():
        swept = [(f"{training} {what} {rate}%", what, rate / 100) for what in steps for rate in steps[what]]
        for row, what, rate in [(f"{training} dense", "weight", 0.0), *swept]:
            rows.append(row)
            for seed in seeds:
                for place, ((metric, attack), top) in enumerate(zip(ATTACKS.items(), tops)):
                    kept = top * (1 - (0.02 + 0.12 * place) * rate ** hold[what]) + 0.008 * place * rate * (1 - rate)
                    removed = rate if what == "weight" else rate * 0.97
                    record = {"norm": "linf", "sparsity_weights": removed, "requested_sparsity": rate}
                    made = accuracy_cell(folder, row, metric, min(kept, 1.0), attack=attack, seed=seed, **record)
                    cells.append(made)
    kept_cells = cells[: round(done * len(cells))]
    held = {(cell.row, cell.metric) for cell in kept_cells}
    kept_grid = grid(kept_cells, rows=rows, metrics=list(ATTACKS), seeds=seeds)
    compression, robustness = HighCompression(), HighRobustness()
    robust = {"rule": robustness, "adversarial": "pgd 0.3"}
    selections = {
        "fgsm weight high compression": Selection(
            rule=compression, rows="fgsm weight *", than="fgsm dense", published=0.96
        ),
        "pgd filter high robustness": Selection(**robust, rows="pgd filter *", than="pgd dense", published=0.4),
        "pgd weight high robustness": Selection(**robust, rows="pgd weight *", than="pgd dense"),
        "pgd filter 80% and more": Selection(rule=compression, rows="pgd filter 8*", than="pgd dense"),
    }
    return replace(
        table1(folder, seeds=()),
        title="How far can a network be pruned before its armour goes?",
        about="Figure 1 of Wang et al. 2018 with made-up numbers.",
        grid=kept_grid,
        missing=[
            f"{row}, {metric}, seed 0: not run yet" for row in rows for metric in ATTACKS if (row, metric) not in held
        ],
        published=Published(
            "Wang et al. 2018, Table 2",
            {
                "fgsm dense": {"natural": 99.2, "fgsm 0.3": 84.7},
                "fgsm weight 80%": {"natural": 99.2, "fgsm 0.3": 85.9},
            },
        ),
        selections=chosen(selections, kept_grid),
    )


def surface_cell(folder: Path, row: str, steep: float, *, seed: int = 0, points: int = 11) -> Cell[LossSurfaceRecord]:
    """A loss that grows as exp(steep * a) along the gradient, and a little along a random direction."""
    moves = np.linspace(-1, 1, points)
    losses = 0.1 * np.exp(steep * moves)[:, None] + 0.05 * (moves**2)[None, :] + 0.01 * seed
    middle = points // 2
    rise = float(losses[-1, middle] - losses[middle, middle])
    record = LossSurfaceRecord(
        value=rise,
        low=0.9 * rise,
        high=1.1 * rise,
        n=100,
        eps=0.3,
        loss="ce",
        surface=tuple(map(tuple, losses.round(6).tolist())),
        seed=seed,
    )
    return Cell(row, "loss surface", seed, record, None, folder)


def map_cell(
    folder: Path, row: str, size: float, *, mode: str = "change", colour: bool = False, fooled: int = 4
) -> Cell[VulnerabilityMapRecord]:
    """Maps of six images that move by `size` in their middle, and not at all at their left edge."""
    where = examples(folder / f"map-{mode}-{row}".replace("%", ""), 0.1, colour=colour, fooled=[fooled] * 6)
    side = 24 if mode == "change" else 28
    h, w = np.mgrid[:side, :side] / (side - 1)
    maps = np.stack([size * np.sin(np.pi * h) * w ** (1 + k / 4) for k in range(6)]).astype(np.float32)
    held = load_file(where / "examples.safetensors")
    save_file({**held, "map": maps}, where / "examples.safetensors")
    record = VulnerabilityMapRecord(
        attack={"kind": "pgd", "eps": 0.3},
        eps=0.3,
        norm="linf",
        mode=mode,
        tap="relu1" if mode == "change" else None,
        value=float(maps.mean()),
        highest=float(maps.max()),
        n=6,
        size=(side, side),
        classes=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    )
    return Cell(row, "map" if mode == "change" else "map by pixel", 0, record, None, where)


def vulnerability_cell(
    folder: Path, row: str, units: Sequence[float], *, metric: str = "vulnerability", seed: int = 0
) -> Cell[VulnerabilityRecord]:
    """A vulnerability of two layers; `units` are those of the first."""
    layers = (float(np.mean(units)), 0.05)
    value = sum(layers) / 2
    record = VulnerabilityRecord(
        value=value,
        n=1000,
        low=0.9 * value,
        high=1.1 * value,
        taps=("relu1", "relu2"),
        layers=layers,
        units=(tuple(units), (0.02, 0.08)),
        attack={"kind": "pgd", "eps": 0.3},
        eps=0.3,
        norm="linf",
        seed=seed,
    )
    return Cell(row, metric, seed, record, None, folder)


def pictures(folder: Path, seeds: Sequence[int] = (0,)) -> Page:
    """Maps, loss surfaces, vulnerability and accuracy of three networks."""
    cells: list[Cell[Record]] = []
    for row, size in (("standard", 0.4), ("at", 0.15), ("anp-vs", 0.05)):
        gone = {"anp-vs": 0.8}.get(row, 0.0)
        for seed in seeds:
            units = np.sort(np.random.default_rng(3).gamma(6, size / 10, 20))
            units[: round(20 * gone)] = 0.0
            cells.append(vulnerability_cell(folder, row, units.tolist(), seed=seed))
            shares = {"seed": seed, "sparsity_units": gone, "sparsity_weights": gone}
            cells.append(accuracy_cell(folder, row, "natural", 0.98 - size / 20, **shares))
            attack = {"kind": "pgd", "eps": 0.3}
            cells.append(accuracy_cell(folder, row, "pgd 0.3", 0.9 - 2 * size, attack=attack, norm="linf", **shares))
        cells += [map_cell(folder, row, size * scale, mode=mode) for mode, scale in zip(*MODES)]
        cells += [surface_cell(folder, row, 10 * size, seed=seed) for seed in seeds]
    return with_cells(bare(folder), cells, seeds=seeds)


MODES = ("change", "input_gradient"), (1.0, 0.01)

ODD = (
    "quo\"ted 'row'",
    "</script><script>alert(1)</script>",
    "<b>bold</b> 50%",
    "comma, semicolon; tab\t 10%",
    "Übergröße 网络 🦔 30%",
    "a very long name " * 12 + "90%",
    "{{ 7 * 7 }} {% raw %} var(--c0)",
)


def odd(folder: Path) -> Page:
    """Row names that break careless pages."""
    rows = [Row(ODD[0]), *(Row(name, ODD[0], place / 10, name) for place, name in enumerate(ODD[1:], 1))]
    cells: list[Cell[Record]] = []
    for place, row in enumerate(ODD):
        for metric, attack in ATTACKS.items():
            cells.append(accuracy_cell(folder, row, metric, 0.9 - 0.05 * place, n=360, attack=attack))
        cells += cost_cells(folder, row, "dense", (100, 100, 1000, 400, 0.1, 2.0))
    return replace(
        table1(folder, seeds=()),
        title=ODD[1],
        about=ODD[2],
        grid=grid(cells, rows=rows, metrics=list(ATTACKS)),
        missing=[ODD[1]],
        published=Published(ODD[1], {ODD[0]: {"natural": 88.0}}),
        verdicts=[Verdict(ODD[1], True, ODD[1])],
        recipe_text=ODD[1],
        command=ODD[1],
    )


def bare(folder: Path) -> Page:
    """One row, one metric, nothing else."""
    cell = accuracy_cell(folder, "dense", "natural", 0.9, n=360)
    return Page(
        title="One number",
        about="",
        recipe="tiny",
        preset="smoke",
        grid=grid([cell]),
        missing=[],
        published=None,
        verdicts=[],
        selections=[],
        command="blackthorn run tiny",
        recipe_text="",
        provenance={},
    )


if __name__ == "__main__":
    where = Path(sys.argv[1])
    for make in (table1, sweep, trade_off, curves, pictures, odd, bare):
        print(write(where / make.__name__, make(where / "cells")))
