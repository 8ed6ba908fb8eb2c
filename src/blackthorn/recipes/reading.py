"""From a YAML file to a validated `Recipe`: presets, overrides, sweeps, and errors that say where and what to write.

A recipe is named by its file, or by the name of one that comes with the package.
"""

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
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
    raw = _load(recipe, where)
    presets = raw.get("presets") or {}
    if preset != DEFAULT_PRESET and (not isinstance(presets, dict) or preset not in presets):
        names = [*(presets if isinstance(presets, dict) else {}), DEFAULT_PRESET]
        raise RecipeError(f"{where}: there is no preset '{preset}'; {did_you_mean(preset, names)}")
    raw = _longhand(raw)
    raw["networks"] = _swept(raw.get("networks"), where)
    for path, setting in (presets.get(preset) or {}).items() if isinstance(presets, dict) else ():
        raw = _with(raw, str(path), setting, f"{where}: presets.{preset}")
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals or not path.strip():
            raise RecipeError(f"--set {change}: write path=value, such as data.train=2000")
        raw = _with(raw, path.strip(), _yaml_value(text, change), f"--set {change}")
    try:
        made: Recipe = parse(Recipe, raw)
    except ValidationError as error:
        raise RecipeError(f"{where}: {one_line(error, raw)}") from None
    return made


def _is_file(recipe: str) -> bool:
    return recipe.endswith((".yaml", ".yml")) or "/" in recipe


def _load(recipe: str, where: str) -> dict[str, Any]:
    if _is_file(recipe):
        path = Path(recipe)
        if not path.is_file():
            raise RecipeError(
                f"{recipe}: there is no such file; give a recipe file, or one of: {', '.join(published())}"
            )
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as problem:
            raise RecipeError(f"{recipe}: cannot be read ({problem})") from None
    else:
        names = published()
        if recipe not in names:
            raise RecipeError(
                f"there is no recipe '{recipe}'; {did_you_mean(recipe, names)} For your own write its file, NAME.yaml"
            )
        text = (resources.files(__package__) / "published" / f"{recipe}.yaml").read_text()
    try:
        raw = yaml.load(text, _StrictLoader)  # a SafeLoader that also refuses repeated keys
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise RecipeError(f"{where}: {line}not valid YAML ({getattr(problem, 'problem', None) or problem})") from None
    if not isinstance(raw, dict):
        raise RecipeError(
            f"{where}: a recipe is a mapping with title, data, model, networks and measures; got {type(raw).__name__}"
        )
    return {str(key): held for key, held in raw.items()}


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
    raw = copy.deepcopy(raw)  # YAML aliases share one object; a change to one place must not reach the other
    for key, essential in (("data", "source"), ("model", "kind")):
        if isinstance(raw.get(key), str):
            raw[key] = {essential: raw[key]}
    return raw


def _swept(networks: Any, where: str) -> Any:
    """Write out every network that is given `for` a list of values: one network for each combination.

    `weight {rate}%` with `for: {rate: [80, 95]}` becomes two networks; {rate} is replaced in their names and options.
    """
    if not isinstance(networks, dict):
        return networks
    found: dict[str, Any] = {}
    for name, network in networks.items():
        if not isinstance(network, dict) or "for" not in network:
            found[str(name)] = network
            continue
        variables = network["for"]
        if not isinstance(variables, dict) or not all(isinstance(held, list) and held for held in variables.values()):
            raise RecipeError(
                f"{where}: networks.{name}.for: lists of values are wanted, such as "
                f"{{rate: [80, 95]}}; got {variables!r}"
            )
        rest = {key: held for key, held in network.items() if key != "for"}
        for combination in itertools.product(*variables.values()):
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


def _yaml_value(text: str, change: str) -> Any:
    try:
        return yaml.load(text, _StrictLoader)
    except yaml.YAMLError:
        raise RecipeError(
            f"--set {change}: '{text}' is not a YAML value; quote it, or write a number, name, [list] or {{mapping}}"
        ) from None


def _with(raw: dict[str, Any], path: str, setting: Any, where: str) -> dict[str, Any]:
    """`raw` with what stands at `path` replaced.

    `*` stands for every entry that has the rest of the path; in a list, a number is a position and a word a kind:
    `networks.*.steps.train.epochs`.
    """
    raw = copy.deepcopy(raw)
    words = path.split(".")
    places = list(_places(raw, words))
    if not places:
        raise RecipeError(f"{where}: {_dead_end(raw, path)}")
    for parent, key in places:
        parent[key] = copy.deepcopy(setting)
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
    key = _key(node, word)
    if not rest:
        # A new option may be added to a mapping that is named in full; a star changes only what is written.
        if key is not None:
            yield node, key
        elif isinstance(node, dict) and not behind_star:
            yield node, word
    elif key is not None:
        yield from _places(node[key], rest, behind_star)


def _key(node: Any, word: str) -> Any:
    if isinstance(node, list):
        return int(word) if word.isdigit() and int(word) < len(node) else None
    if isinstance(node, dict):
        return next((key for key in node if str(key) == word), None)
    return None


def _dead_end(raw: Any, path: str) -> str:
    passed: list[str] = []
    node = raw
    for word in path.split("."):
        if word == "*" or (isinstance(node, list) and not word.isdigit()):
            break
        key = _key(node, word)
        if key is None:
            entries = [str(key) for key in node] if isinstance(node, dict) else [str(i) for i in range(len(node or ()))]
            within = ".".join(passed) or "the recipe"
            return (
                f"there is no '{word}' in {within}; {did_you_mean(word, entries)}"
                if entries
                else f"'{within}' has no parts"
            )
        node = node[key]
        passed.append(word)
    return f"nothing stands at '{path}'"
