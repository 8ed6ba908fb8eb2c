"""How much of a network's weights its pruning removes: the share of each layer's norm that was pruned.

    python benchmarks/removed_norms.py parana-schedule --store runs --out results/parana-schedule-full/norms.csv

Nothing is trained: the prunings of the recipe must be in the store. For each pruned network and each layer of which
something was removed: `removed_norm` is the norm of the removed weights, in percent of the norm of all its weights
before, and `below_1e-4` is the percentage of these weights that are smaller than 1e-4.
"""

from blackthorn.deploy import load
from blackthorn.experiment import Experiment
from blackthorn.stages import Stage
from stored import asked_for, write

SMALL = 1e-4


def rows(stage: Stage, experiment: Experiment) -> list[tuple[str, str, str, str]]:
    """Network, layer, and both percentages, for a pruning."""
    assert stage.parent is not None
    files = [experiment.store.stage(one.name) / "network.safetensors" for one in (stage.parent, stage)]
    before, after = (load(file).model.state_dict() for file in files)
    network, found = stage.parent.label.split(" · ")[1], []
    for name, weight in before.items():
        gone = (after[name] == 0) & (weight != 0)
        if weight.dim() > 1 and gone.any():
            share = weight.double()[after[name] == 0].norm() / weight.double().norm()
            small = (weight.abs() < SMALL).double().mean()
            found.append((network, name.removesuffix(".weight"), f"{100 * share:.1f}", f"{100 * small:.1f}"))
    return found


def main() -> None:
    """Look at every pruning of the run that is asked for."""
    experiment, out = asked_for(__doc__)
    prunings = [stage for stage in experiment.plan.stages if stage.kind == "prune"]
    made = sorted(row for stage in prunings for row in rows(stage, experiment))
    write(out, ["network", "layer", "removed_norm", "below_1e-4"], made)


if __name__ == "__main__":
    main()
