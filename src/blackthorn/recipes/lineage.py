"""Where the rows of a recipe come from: how much is removed from each, from which row, and beside which others."""

import json
import re
from collections.abc import Iterable
from itertools import chain, count
from typing import Any

from ..results import Row
from ..stages.export import RUNTIMES
from ..values import spell
from .network import Network, Networks

_RATE = re.compile(r"\s*\d+(?:\.\d+)?\s*%$")  # at the end of a name: "pgd weight 94%"


def rates(networks: Networks) -> dict[str, float]:
    """The fraction that is to be removed from each network, by the last pruning on its way; 0 where nothing is."""
    found: dict[str, float] = {}
    for name, network in networks.items():
        before = found.get(network.of or "", 0.0)
        found[name] = before if network.requested is None else network.requested
    return found


def lineage(networks: Networks) -> list[Row]:
    """The rows that are shown, in order, each with the row that it was pruned from and its family."""
    requested = rates(networks)
    labels = _Labels(name for name, rate in requested.items() if not rate)
    rows = []
    for name, network in networks.items():
        if network.show:
            base = _base(name, networks, requested)
            family = labels.of(name, _way(name, networks, requested)) if requested[name] else name
            rows.append(Row(name, base, requested[name], family, _images(name, networks), *_file(name, networks)))
    return rows


def _base(name: str, networks: Networks, requested: dict[str, float]) -> str | None:
    """The nearest network on the way to a pruned one that is trained, not pruned, and shown.

    One without a training, whose convolutions were decoupled say, gives the logits of the network before it.
    """
    if not requested[name]:
        return None
    before = networks[name].of
    while before is not None and not _unpruned(networks[before], requested[before]):
        before = networks[before].of
    return before


def _images(name: str, networks: Networks) -> str:
    """What its last training was on: the name of images that the recipe makes, or empty for those of the data set."""
    at: str | None = name
    while at is not None:
        for step in reversed(networks[at].steps):
            if step.trains:
                return step.images or ""
        at = networks[at].of
    return ""


def _file(name: str, networks: Networks) -> tuple[str | None, str]:
    """The row that it is an exported file of, and the format, where nothing else was done to it."""
    network = networks[name]
    forms = [step.form for step in network.steps if step.form in RUNTIMES]
    shown = network.of is not None and networks[network.of].show
    return (network.of, str(forms[0])) if forms and shown and len(network.steps) == 1 else (None, "")


def _unpruned(network: Network, requested: float) -> bool:
    return network.show and not requested and (any(step.trains for step in network.steps) or network.begin is not None)


def _way(name: str, networks: Networks, requested: dict[str, float]) -> str:
    """What was done to a network since it was not pruned, and to which; spelled without the rates."""
    steps: list[Any] = []
    at: str | None = name
    while at is not None and requested[at]:
        steps = [*(_without_rates(spell(step)) for step in networks[at].steps), *steps]
        model = networks[at].model or str(networks[at].from_)
        at = networks[at].of
    return json.dumps([at, None if at is not None else model, steps], sort_keys=True)


def _without_rates(spelled: Any) -> Any:
    if isinstance(spelled, dict):
        return {key: _without_rates(held) for key, held in spelled.items() if key != "sparsity"}
    return [_without_rates(held) for held in spelled] if isinstance(spelled, list) else spelled


class _Labels:
    """Names of families: the name of the first row without its rate, or the whole name where that is taken."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._by_way: dict[str, str] = {}

    def of(self, name: str, way: str) -> str:
        """The label of the family of rows that were made in this way; `name` is the row that asks."""
        if way not in self._by_way:
            tries = chain([_RATE.sub("", name) or name, name], (f"{name} ({number})" for number in count(2)))
            label = next(label for label in tries if label not in self._taken)
            self._taken.add(label)
            self._by_way[way] = label
        return self._by_way[way]
