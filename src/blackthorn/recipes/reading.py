"""From a YAML file to a validated `Recipe`: presets, overrides, sweeps, and errors that say where and what to write.

A recipe is named by its file, or by the name of one that comes with the package.
"""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from ..errors import RecipeError, did_you_mean
from ..values import ValidationError, parse
from .complaints import one_line
from .overrides import Change, changed
from .schema import Recipe
from .sweeping import swept, without

DEFAULT_PRESET = "full"
_MOST = 100_000  # entries: a hundred times what published recipes have


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


def read_recipe(
    recipe: str, *, preset: str = DEFAULT_PRESET, changes: Sequence[str] = (), model: str | None = None
) -> Recipe:
    """Read, change and validate a recipe.

    Args:
        recipe: a file, or the name of a recipe of the package.
        preset: which of the recipe's presets to apply; `full` is the recipe as written.
        changes: `path=value` overrides, applied after the preset.
        model: the network where the recipe names none.

    Raises:
        RecipeError: one line that names the file, the path in it, what was read and what to write.
    """
    where = Path(recipe).name if _is_file(recipe) else recipe
    try:
        written = _longhand(_load(recipe, where))
        if model is not None:
            written.setdefault("model", {"kind": model})
        presets = _validated(_made(written, [], where), where).presets
        if preset not in (DEFAULT_PRESET, *presets):
            raise RecipeError(
                f"{where}: there is no preset '{preset}'; {did_you_mean(preset, [*presets, DEFAULT_PRESET])}"
            )
        shortened = {name: _shortening(name, settings, where) for name, settings in presets.items()}
        for name, shorter in shortened.items():  # each is checked whenever its recipe is read, not only when asked for
            _validated(_made(written, shorter, f"{where}: presets.{name}"), f"{where}: with presets.{name}")
        raw = _made(written, [*shortened.get(preset, []), *map(_override, changes)], where)
        return _validated(raw, where)
    except RecursionError:
        raise RecipeError(f"{where}: lists or mappings are nested too deeply; write it flatter") from None


def recipe_of(mapping: Mapping[str, Any], where: str) -> Recipe:
    """A recipe that a program made instead of a file: validated, with its sweeps written out.

    Raises:
        RecipeError: one line that begins with `where`.
    """
    return _validated(_made(_longhand(dict(mapping)), [], where), where)


def written_out(recipe: Recipe) -> str:
    """The recipe as YAML, as it would run: without presets, with every default."""
    text = io.StringIO()
    yaml.safe_dump(plain(recipe), text, sort_keys=False, allow_unicode=True, width=100)
    return text.getvalue()


def plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as it would run, as plain values: without presets, with every default."""
    held: dict[str, Any] = TypeAdapter(Recipe).dump_python(recipe, mode="json", by_alias=True)
    return {name: said for name, said in held.items() if name != "presets"}


def _made(written: dict[str, Any], changes: Sequence[Change], where: str) -> dict[str, Any]:
    """A recipe with its sweeps written out and changes made, in their order; those of a sweep are made before."""
    raw = written
    for change in changes:
        if change.of_a_sweep:
            raw = changed(raw, change)
    if "networks" in raw:
        raw = raw | {"networks": swept(raw["networks"], where)}
    for change in changes:
        if not change.of_a_sweep:
            raw = changed(raw, change)
    if raw is written:
        return raw
    before, after = (swept(one.get("networks"), where) for one in (written, raw))
    return without(set(before) - set(after), raw) if isinstance(before, dict) and isinstance(after, dict) else raw


def _shortening(preset: str, settings: Mapping[str, Any], where: str) -> list[Change]:
    return [Change(path, setting, f"{where}: presets.{preset}") for path, setting in settings.items()]


def _override(written: str) -> Change:
    path, equals, text = written.partition("=")
    if not equals or not path.strip():
        raise RecipeError(f"--set {written}: write path=value, such as data.train=2000")
    return Change(path.strip(), _parsed(text, f"--set {written}"), f"--set {written}")


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
        read = yaml.load(text, _StrictLoader)  # a SafeLoader that also refuses repeated keys
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        reason = getattr(problem, "problem", None) or getattr(problem, "reason", None) or problem
        raise RecipeError(f"{where}: {line}not valid YAML ({reason})") from None
    except (ValueError, LookupError, AttributeError, ArithmeticError) as problem:  # dates and numbers without sense
        raise RecipeError(f"{where}: not valid YAML ({problem}); put text in quotes") from None
    try:
        return _unshared(read, iter(range(_MOST)))
    except RecipeError as problem:
        raise RecipeError(f"{where}: {problem}") from None


class _StrictLoader(yaml.SafeLoader):
    """YAML lets a repeated key win silently; in an experiment that is always a mistake. Merge keys (<<) may repeat."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag != "tag:yaml.org,2002:merge":
                key = self.construct_object(key_node, deep=True)
                if str(key) in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"'{key}' is there twice", key_node.start_mark)
                seen.add(str(key))
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> Any:
        """Without the sixties of YAML 1.1, to which 1:30 is 90."""
        return node.value if ":" in node.value else super().construct_yaml_int(node)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> Any:
        """As for whole numbers."""
        return node.value if ":" in node.value else super().construct_yaml_float(node)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > _MOST:
            raise yaml.constructor.ConstructorError(None, None, "merge keys without end", node.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        return super().construct_mapping(node, deep=True)


# As in YAML 1.2, only true and false are truth values; in 1.1 the option `on` would be read as true.
_TRUTH = "tag:yaml.org,2002:bool"
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag != _TRUTH or first in "tTfF"]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.construct_yaml_float)


def _longhand(raw: dict[str, Any]) -> dict[str, Any]:
    """Write the short forms out, so that paths such as data.train always lead somewhere."""
    for key, essential in (("data", "source"), ("model", "kind")):
        if isinstance(raw.get(key), str):
            raw[key] = {essential: raw[key]}
    return raw


def _unshared(held: Any, room: Iterator[int]) -> Any:
    """YAML aliases stand for one object; a change in one place must not reach the other (deepcopy keeps that).

    Aliases of aliases can stand for more than any memory holds, so there is an end to what is written out.
    """
    if next(room, None) is None:
        raise RecipeError(f"its aliases stand for more than {_MOST:,} entries; write it shorter")
    if isinstance(held, int) and abs(held) > 10**300:
        raise RecipeError("a number of hundreds of digits; write a smaller one")
    if isinstance(held, dict):
        return {key: _unshared(entry, room) for key, entry in held.items()}
    return [_unshared(entry, room) for entry in held] if isinstance(held, list) else held
