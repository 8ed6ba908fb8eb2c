"""What cannot be wrong with one part of a recipe alone: names that must be those of another part, and their order.

Each check raises ValueError with one line that begins with the path in the recipe.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from ..claims import AnyStatement, Selection
from ..errors import did_you_mean
from ..measuring import AnyMeasure
from ..stages import AnyImages, Step
from ..stages.export import RUNTIMES
from .lineage import rates
from .network import Networks

Measures = Mapping[str, AnyMeasure]
Place = tuple[str, str]


def check_networks(networks: Networks) -> None:
    """Each network goes on from one before it or starts anew, and shrinks only what is pruned."""
    pruned: dict[str, bool] = {}
    gated: dict[str, bool] = {}
    exported: set[str] = set()
    for name, network in networks.items():
        before = pruned.get(network.of or "")
        if network.of is not None and before is None:
            later = network.of in networks and network.of != name
            hint = "it comes later; move it up" if later else did_you_mean(network.of, pruned)
            hint = hint if pruned or later else "this is the first; leave 'of' out"
            raise ValueError(f"networks.{name}.of: there is no network '{network.of}' before it; {hint}")
        if network.of is not None and network.model is not None:
            raise ValueError(
                f"networks.{name}: 'of' goes on from a network, 'model' starts a new one; write one of them"
            )
        if network.of is not None and network.begin is not None:
            raise ValueError(f"networks.{name}: 'of' and 'from' both say where it comes from; write one of them")
        if network.of is not None and not network.steps:
            raise ValueError(f"networks.{name}: without steps it is '{network.of}' again; write what is done to it")
        if network.of is None and network.begin is None and not (network.steps and network.steps[0].trains):
            found = f", not {network.steps[0].kind}" if network.steps else ""
            raise ValueError(
                f"networks.{name}: a new network starts with a train step{found}; write of: NETWORK to go on from one, "
                "or from: FILE for weights that are there already"
            )
        if network.of in exported:
            raise ValueError(f"networks.{name}.of: '{network.of}' is a file by now, which can only be measured")
        inserted = network.begin is not None and network.begin.gates == "inserts"
        has_gates = gated.get(network.of or "", False) or inserted
        for number, step in enumerate(network.steps):
            _check_gates(f"networks.{name}.steps.{number}", step, has_gates)
            if step.form in RUNTIMES and number + 1 < len(network.steps):
                raise ValueError(
                    f"networks.{name}.steps.{number}: no step can follow an {step.kind}; move it to the end"
                )
            if step.form == "shrunk" and not (before or has_gates):
                raise ValueError(
                    f"networks.{name}.steps.{number}: nothing is pruned before this {step.kind}; add a prune"
                )
            before = step.requested is not None or (before and step.form != "shrunk")
            has_gates = step.gates == "inserts" or (has_gates and step.gates != "removes")
        pruned[name], gated[name] = bool(before), has_gates
        exported |= {name} if network.steps and network.steps[-1].form in RUNTIMES else set()
    if not any(network.show for network in networks.values()):
        raise ValueError("networks: each has show: false, so nothing would be measured; leave it out of one")


def _check_gates(where: str, step: Step, has_gates: bool) -> None:
    if step.gates in ("needs", "removes") and not has_gates:
        raise ValueError(f"{where}: this {step.kind} needs gates, and none are inserted before; add {{kind: gate}}")
    if step.gates == "inserts" and has_gates:
        raise ValueError(f"{where}: the network has gates already; leave this {step.kind} out, or add a fold before")
    if step.gates == "refuses" and has_gates:
        raise ValueError(f"{where}: a {step.kind} cannot follow gates through a network; add {{kind: fold}} before")


def check_images(images: Mapping[str, AnyImages], networks: Networks) -> None:
    """Images are made on a network of the recipe, and only networks after that one train on them."""
    for name, made in images.items():
        if name in networks:
            raise ValueError(f"images.{name}: a network has this name too; write another for the images")
        for of in made_on(made):
            if of not in networks:
                raise ValueError(f"images.{name}: there is no network '{of}'; {did_you_mean(of, networks)}")
    order = list(networks)
    for row, network in networks.items():
        for number, step in enumerate(network.steps):
            if step.images is None:
                continue
            where = f"networks.{row}.steps.{number}.images"
            if step.images not in images:
                hint = did_you_mean(step.images, images) if images else "the recipe makes none; describe them in images"
                raise ValueError(f"{where}: there are no images '{step.images}'; {hint}")
            for of in made_on(images[step.images]):
                if of not in order[: order.index(row)]:
                    circle = row in _needed(of, images, networks)
                    hint = f"for which '{row}' is needed: a circle" if circle else "which comes later; move it up"
                    raise ValueError(f"{where}: '{step.images}' is made on '{of}', {hint}")


def made_on(images: AnyImages) -> set[str]:
    """The networks that must be there before images can be made."""
    return {images.of, *(need.on for need in images.needs() if isinstance(need.on, str))}


def _needed(row: str, images: Mapping[str, AnyImages], networks: Networks) -> set[str]:
    """The network itself, and all that must be finished before it."""
    found: set[str] = set()
    left = [row]
    while left:
        name = left.pop()
        if name not in found and name in networks:
            found.add(name)
            asked = [step.images for step in networks[name].steps if step.images is not None]
            before = (of for one in asked if one in images for of in made_on(images[one]))
            left += [networks[name].of or "", *before]
    return found


def check_measures(measures: Measures, networks: Networks) -> None:
    """Sources are networks of the recipe, and the patterns of networks fit measures."""
    for name, measure in measures.items():
        option, row = (None, None) if measure.source is None else measure.source.row
        if row is not None and row not in networks:
            where = f"measures.{name}.source.{option}"
            raise ValueError(f"{where}: there is no network '{row}'; {did_you_mean(row, networks)}")
    for name, network in networks.items():
        for pattern in network.measures:
            if not any(fnmatchcase(metric, pattern) for metric in measures):
                raise ValueError(
                    f"networks.{name}.measures: no measure fits '{pattern}'; {did_you_mean(pattern, measures)}"
                )


def check_claims(
    statements: Sequence[AnyStatement], selections: Mapping[str, Selection], networks: Networks, measures: Measures
) -> None:
    """Statements and selections speak of rows that are shown, under measures of the right kind that they have."""
    asked = {name: rate for name, rate in rates(networks).items() if networks[name].show}
    for statement in statements:
        where = f"statements: '{statement.text}'"
        try:
            places = statement.places(asked)
        except ValueError as problem:  # of a sweep's pattern
            raise ValueError(f"{where}: {problem}") from None
        rows, metrics = [row for row, _ in places], [metric for _, metric in places]
        _check_places(f"{where} names", rows, metrics, networks, measures, statement.record.measure)
        _check_measured(where, places, networks)
    for name, selection in selections.items():
        try:
            named = selection.places(asked)
        except ValueError as problem:
            raise ValueError(f"select.{name}: {problem}") from None
        _check_places(f"select.{name} names", [selection.than], list(selection.tolerances), networks, measures)
        _check_measured(f"select.{name}", named, networks)


def check_published(values: Mapping[str, Mapping[str, float]], networks: Networks, measures: Measures) -> None:
    """Published numbers stand in rows that are shown, under measures that give one number each."""
    fitting = {name: measure for name, measure in measures.items() if measure.in_percent is not None}
    for row, numbers in values.items():
        _check_named("published.values names the row", [row], [name for name in networks if networks[name].show])
        _check_named("published.values names the measure", list(numbers), list(fitting))
        for metric, number in numbers.items():
            if fitting[metric].in_percent and number > 100:
                raise ValueError(f"published.values.{row}.{metric}: {number:g} is no percentage")


def _check_places(
    where: str,
    rows: Sequence[str],
    metrics: Sequence[str],
    networks: Networks,
    measures: Measures,
    kind: str = "accuracy",
) -> None:
    """Rows that are shown, and measures of that kind."""
    shown = [name for name, network in networks.items() if network.show]
    fitting = [name for name, measure in measures.items() if measure.kind == kind]
    _check_named(f"{where} the row", rows, shown)
    _check_named(f"{where} the {kind.replace('_', ' ')}", metrics, fitting)


def _check_named(where: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{where} '{name}'; {did_you_mean(name, known)}")


def _check_measured(where: str, places: Sequence[Place], networks: Networks) -> None:
    """Rows for which these measures are not left out."""
    for row, metric in places:
        if not networks[row].wants(metric):
            raise ValueError(f"{where} names '{metric}' of '{row}', which networks.{row}.measures leaves out")
