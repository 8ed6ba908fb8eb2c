"""A recipe of a few bytes cannot take memory or time without end; and merge keys are YAML."""

import time
from pathlib import Path

import pytest
import yaml

from blackthorn.errors import RecipeError

from .tiny import PGD, read, tiny

ALIASES = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{k + 1}: &a{k + 1} [{','.join([f'*a{k}'] * 9)}]\n" for k in range(20)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{k + 1}: &a{k + 1} {{<<: [{','.join([f'*a{k}'] * 9)}]}}\n" for k in range(20))
SWEEP = {"of": "dense", "for": {name: list(range(20)) for name in "abcdefg"}, "steps": []}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("written", "said"),
    [
        (ALIASES, "aliases stand for more than"),
        (MERGES, "merge keys without end|there is no option 'a0'"),  # newer PyYAML merges each once
        (tiny(*PGD, "eps", to="1e99999999"), "a number is wanted"),
        (tiny(*PGD, "eps", to="1" * 5000), "a number is wanted"),
        (tiny("networks", "{a}{b}{c}{d}{e}{f}{g}", to=SWEEP), "more than 10,000 networks"),
        ("seeds: [" + "9" * 5000 + "]\n", "not valid YAML"),
        ("seeds: [" + "9" * 400 + "]\n", "hundreds of digits"),
        ("title: " + "9:" * 400 + "9.5\n", "networks: is missing"),  # a text, not a number to the base 60,
    ],
)
def test_what_has_no_end_is_refused_in_time(tmp_path: Path, written: str, said: str) -> None:
    start = time.perf_counter()
    with pytest.raises(RecipeError, match=said) as refused:
        read(tmp_path, written)
    assert time.perf_counter() - start < 10 and len(str(refused.value)) < 500


def test_merge_keys_are_merged(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"] = {"dense": recipe["networks"]["dense"]}
    del recipe["statements"], recipe["published"]
    text = yaml.safe_dump(recipe, sort_keys=False).replace("measures:", "measures:\n  first: &a {kind: accuracy}")
    text = text.replace("  pgd:", "  second: {<<: *a, attack: {kind: fgsm, eps: 0.2}}\n  pgd:")
    made = read(tmp_path, text)
    assert made.measures["second"].kind == "accuracy" and made.measures["second"].attack.eps == 0.2


def test_a_key_that_is_there_twice_is_refused_beside_merge_keys(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="'x' is there twice"):
        read(tmp_path, "a: &a {x: 1}\nb: {<<: *a, x: 2, x: 3}\n")
