"""A change of one setting of a recipe: a path, such as `networks.*.steps.train.epochs`, and what is to stand there."""

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import RecipeError, did_you_mean


@dataclass(frozen=True)
class Change:
    """`setting` is to stand at `path`; `where` begins the error of a path that leads nowhere."""

    path: str
    setting: Any
    where: str

    @property
    def of_a_sweep(self) -> bool:
        """Whether it changes the values of a sweep, and so which networks there are for the other changes."""
        return re.match(r"networks\..+\.for(\.|$)", self.path) is not None


def changed(raw: dict[str, Any], change: Change) -> dict[str, Any]:
    """`raw` with what stands at the change's path replaced.

    `*` stands for every entry that has the rest of the path; in a list, a number is a position and a word a kind:
    `networks.*.steps.train.epochs`. What has a kind may be asked for it:
    `networks.*.steps.train.objective.attack.pgd.steps`.
    """
    raw = copy.deepcopy(raw)
    places = list(_places(raw, change.path.split(".")))
    if not places:
        raise RecipeError(f"{change.where}: {_dead_end(raw, change.path)}")
    for parent, key in places:
        parent[key] = copy.deepcopy(change.setting)
    return raw


def _places(node: Any, words: Sequence[str], behind_star: bool = False) -> Iterator[tuple[Any, Any]]:
    word, rest = words[0], words[1:]
    if word == "*":
        entries: list[Any] = (
            list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        )
        for key in entries:
            if rest:
                yield from _places(node[key], rest, True)
            else:
                yield node, key
        return
    if isinstance(node, list) and not word.isdigit():  # steps.train: every step of that kind
        for key, entry in enumerate(node):
            if isinstance(entry, dict) and entry.get("kind") == word:
                yield from _places(node[key], rest) if rest else [(node, key)]
        return
    of_that_kind = isinstance(node, dict) and node.get("kind") == word and word not in node
    if of_that_kind and rest:  # attack.pgd.steps: of attacks of that kind only; a step gate has an option gate, though
        yield from _places(node, rest)
        return
    for taken in range(len(words), 0, -1):  # names may hold dots: measures.fgsm 0.1.attack.eps
        key = _key(node, ".".join(words[:taken]))
        if key is not None:
            rest = words[taken:]
            yield from _places(node[key], rest, behind_star) if rest else [(node, key)]
            return
    # A new option may be added to a mapping that is named in full, or by its kind; a star changes only what is written.
    if not rest and isinstance(node, dict) and not behind_star:
        yield node, word


def _key(node: Any, word: str) -> Any:
    if isinstance(node, list):
        return int(word) if word.isdigit() and int(word) < len(node) else None
    if isinstance(node, dict):
        return next((key for key in node if str(key) == word), None)
    return None


def _dead_end(raw: Any, path: str) -> str:
    """How far a path leads, and what stands there."""
    words = path.split(".")
    for taken in range(len(words) - 1, 0, -1):
        reached = [
            parent[key] for parent, key in _places(raw, words[:taken]) if not isinstance(parent, dict) or key in parent
        ]
        if reached:
            return _not_in(reached, words[taken], f"'{'.'.join(words[:taken])}'")
    return _not_in([raw], words[0], "the recipe")


def _not_in(nodes: Sequence[Any], word: str, within: str) -> str:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, dict):
            found |= set(map(str, node))
        elif isinstance(node, list):
            found |= {
                str(entry["kind"]) if isinstance(entry, dict) and "kind" in entry else str(i)
                for i, entry in enumerate(node)
            }
    return f"there is no '{word}' in {within}; {did_you_mean(word, found)}" if found else f"{within} has no parts"
