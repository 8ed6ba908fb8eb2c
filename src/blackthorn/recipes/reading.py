"""From a YAML file to a validated `Recipe`: presets, overrides, sweeps, and errors that say where and what to write.

A recipe is named by its file, or by the name of one that comes with the package.
"""

import copy
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ..errors import RecipeError, did_you_mean
from ..values import ValidationError, parse
from .complaints import one_line
from .schema import Recipe

DEFAULT_PRESET = "full"


def published() -> dict[str, str]:
    """Name and title of every recipe that comes with the package."""
    files = resources.files(__package__) / "published"
    found = {}
    for file in sorted(files.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            title = next((line for line in file.read_text().splitlines() if line.startswith("title:")), "title:")
            found[file.name.removesuffix(".yaml")] = title.removeprefix("title:").strip().strip("\"'")
    return found


def name_of(recipe: str) -> str:
    """The name under which a recipe's results are kept: its file's, without folder and ending."""
    return Path(recipe).name.removesuffix(".yaml").removesuffix(".yml")


def read_recipe(recipe: str, *, preset: str = DEFAULT_PRESET, changes: Sequence[str] = ()) -> Recipe:
    """Read, change and validate a recipe.

    Args:
        recipe: a file, or the name of a recipe of the package.
        preset: which of the recipe's presets to apply; `full` is the recipe as written.
        changes: `path=value` overrides, applied after the preset.

    Raises:
        RecipeError: one line that names the file, the path in it, what was read and what to write.
    """
    where = Path(recipe).name if _is_file(recipe) else recipe
    try:
        written = _longhand(_load(recipe, where))
        presets = _validated(_changed(written, [], where), where).presets
        if preset not in (DEFAULT_PRESET, *presets):
            raise RecipeError(
                f"{where}: there is no preset '{preset}'; {did_you_mean(preset, [*presets, DEFAULT_PRESET])}"
            )
        shortened = {name: _shortening(name, changed, where) for name, changed in presets.items()}
        for name, shorter in shortened.items():  # each is checked whenever its recipe is read, not only when asked for
            _validated(_changed(written, shorter, f"{where}: presets.{name}"), f"{where}: with presets.{name}")
        raw = _changed(written, [*shortened.get(preset, []), *map(_override, changes)], where)
        return _validated(raw, where)
    except RecursionError:
        raise RecipeError(f"{where}: lists or mappings are nested too deeply; write it flatter") from None


@dataclass(frozen=True)
class _Change:
    path: str
    setting: Any
    where: str

    @property
    def of_a_sweep(self) -> bool:
        """Whether it changes the values of a sweep, and so which networks there are for the other changes."""
        return re.match(r"networks\..+\.for(\.|$)", self.path) is not None


def _changed(written: dict[str, Any], changes: Sequence[_Change], where: str) -> dict[str, Any]:
    """A recipe with its sweeps written out and changes made, in their order; those of a sweep are made before."""
    raw = written
    for change in changes:
        if change.of_a_sweep:
            raw = _with(raw, change)
    if "networks" in raw:
        raw = raw | {"networks": _swept(raw["networks"], where)}
    for change in changes:
        if not change.of_a_sweep:
            raw = _with(raw, change)
    return raw


def _shortening(preset: str, changed: Mapping[str, Any], where: str) -> list[_Change]:
    return [_Change(path, setting, f"{where}: presets.{preset}") for path, setting in changed.items()]


def _override(written: str) -> _Change:
    path, equals, text = written.partition("=")
    if not equals or not path.strip():
        raise RecipeError(f"--set {written}: write path=value, such as data.train=2000")
    return _Change(path.strip(), _parsed(text, f"--set {written}"), f"--set {written}")


def _validated(raw: dict[str, Any], where: str) -> Recipe:
    try:
        made: Recipe = parse(Recipe, raw)
    except ValidationError as error:
        raise RecipeError(f"{where}: {one_line(error, raw)}") from None
    return made


def _is_file(recipe: str) -> bool:
    return recipe.endswith((".yaml", ".yml")) or "/" in recipe


def _load(recipe: str, where: str) -> dict[str, Any]:
    if _is_file(recipe):
        if not os.path.isfile(recipe):  # unlike Path.is_file, it answers for impossible names too
            raise RecipeError(
                f"{recipe}: there is no such file; give a recipe file, or one of: {', '.join(published())}"
            )
        try:
            text = Path(recipe).read_text("utf-8")
        except UnicodeDecodeError:
            raise RecipeError(f"{recipe}: is not text in UTF-8; give a recipe file, NAME.yaml") from None
        except OSError as problem:
            raise RecipeError(f"{recipe}: cannot be read ({problem.strerror})") from None
    else:
        names = published()
        if recipe not in names:
            raise RecipeError(
                f"there is no recipe '{recipe}'; {did_you_mean(recipe, names)} For your own write its file, NAME.yaml"
            )
        text = (resources.files(__package__) / "published" / f"{recipe}.yaml").read_text("utf-8")
    raw = _parsed(text, where)
    if not isinstance(raw, dict):
        raise RecipeError(
            f"{where}: a recipe is a mapping with title, data, model, networks and measures; got {type(raw).__name__}"
        )
    return {str(key): held for key, held in raw.items()}


def _parsed(text: str, where: str) -> Any:
    try:
        return yaml.load(text, _StrictLoader)  # a SafeLoader that also refuses repeated keys
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        reason = getattr(problem, "problem", None) or getattr(problem, "reason", None) or problem
        raise RecipeError(f"{where}: {line}not valid YAML ({reason})") from None
    except (ValueError, LookupError, AttributeError) as problem:  # of dates and tagged scalars that make no sense
        raise RecipeError(f"{where}: not valid YAML ({problem}); put text in quotes") from None


class _StrictLoader(yaml.SafeLoader):
    """YAML lets a repeated key win silently; in an experiment that is always a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key_node.tag != "tag:yaml.org,2002:merge" and str(key) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' is there twice", key_node.start_mark)
            seen.add(str(key))
        return super().construct_mapping(node, deep=True)


def _longhand(raw: dict[str, Any]) -> dict[str, Any]:
    """Write the short forms out, so that paths such as data.train always lead somewhere."""
    raw = _unshared(raw)
    for key, essential in (("data", "source"), ("model", "kind")):
        if isinstance(raw.get(key), str):
            raw[key] = {essential: raw[key]}
    return raw


def _unshared(held: Any) -> Any:
    """YAML aliases stand for one object; a change in one place must not reach the other (deepcopy keeps that)."""
    if isinstance(held, dict):
        return {key: _unshared(entry) for key, entry in held.items()}
    return [_unshared(entry) for entry in held] if isinstance(held, list) else held


def _swept(networks: Any, where: str) -> Any:
    """Write out every network that is given `for` a list of values: one network for each combination.

    `weight {rate}%` with `for: {rate: [80, 95]}` becomes two networks; {rate} is replaced in their names and options.
    """
    if not isinstance(networks, dict):
        return networks
    found: dict[Any, Any] = {}
    for name, network in networks.items():
        if not isinstance(network, dict) or "for" not in network:
            found[name] = network
            continue
        variables = network["for"]
        lists = list(variables.values()) if isinstance(variables, dict) else []
        if not lists or not all(isinstance(held, list) and held for held in lists):
            raise RecipeError(
                f"{where}: networks.{name}.for: lists of values are wanted, such as "
                f"{{rate: [80, 95]}}; got {variables!r}"
            )
        rest = {key: held for key, held in network.items() if key != "for"}
        for combination in itertools.product(*lists):
            chosen = dict(zip(map(str, variables), combination))
            made = _filled(str(name), chosen)
            if made in found:
                raise RecipeError(
                    f"{where}: networks.{name}: its name must hold {{{'}, {'.join(chosen)}}}, or all "
                    f"get the name '{made}'"
                )
            found[made] = _filled(rest, chosen)
    return found


def _filled(held: Any, chosen: Mapping[str, Any]) -> Any:
    if isinstance(held, dict):
        return {_filled(key, chosen): _filled(entry, chosen) for key, entry in held.items()}
    if isinstance(held, list):
        return [_filled(entry, chosen) for entry in held]
    if isinstance(held, str):
        for name, setting in chosen.items():
            if held == f"{{{name}}}":
                return setting
            held = held.replace(f"{{{name}}}", str(setting))
    return held


def _with(raw: dict[str, Any], change: _Change) -> dict[str, Any]:
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
    if isinstance(node, dict) and rest and node.get("kind") == word:  # attack.pgd.steps: of attacks of that kind only
        yield from _places(node, rest, behind_star)
        return
    for taken in range(len(words), 0, -1):  # names may hold dots: measures.fgsm 0.1.attack.eps
        key = _key(node, ".".join(words[:taken]))
        if key is not None:
            rest = words[taken:]
            yield from _places(node[key], rest, behind_star) if rest else [(node, key)]
            return
    # A new option may be added to a mapping that is named in full; a star changes only what is written.
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
