"""What strangers write: values, trees and bytes that are almost right, as hypothesis draws them."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

WORDS = [
    *("", " ", ".", "..", "/", "~", "~nobody/x", "*", "?", "set[1]", "a/b", "a\\b", "<script>", "=cmd|x", "a:b:c", ":"),
    *("null", "yes", "on", "NaN", "inf", "-0", "1e400", "1e-400", "9" * 5000, "1:30", "1:30.5", "0x10", "0o7", "1_000"),
    *("8/255", "8/0", "1/1e999", "50%", "-1%", "1e9%", "\x00", "\x1b[2J", "\u2028", "\ud800", "İ", "a" * 9000),
    *("train", "kind", "cpu", "os:system", "os:"),
]
NUMBERS = [0, 1, -1, 2**31, 2**63, 2**64, 10**30, 10**400, -(10**400), 0.5, -0.0, 1e300, 1e-300, 5e-324]
ODD = [float("nan"), float("inf"), -float("inf")]

scalars = (
    st.sampled_from([None, True, False, *WORDS, *NUMBERS, *ODD])
    | st.text(max_size=20)
    | st.integers()
    | st.floats(allow_subnormal=False)
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything inside a tree of dicts and lists."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, held in inside:
        yield (*path, key)
        yield from places(held, (*path, key))


@st.composite
def spoilt(draw: st.DrawFn, tree: dict[str, Any]) -> dict[str, Any]:
    """A copy of a tree in which a few things are replaced, renamed, taken away, or put where they do not belong."""
    made: dict[str, Any] = json.loads(json.dumps(tree))
    for _ in range(draw(st.integers(1, 3))):
        here = list(places(made))
        if not here:
            break
        *way, last = draw(st.sampled_from(here))
        node: Any = made
        for step in way:
            node = node[step]
        change = draw(st.sampled_from(["replace", "remove", "rename", "graft"]))
        if change == "replace":
            node[last] = draw(trees)
        elif change == "graft":
            node[last] = json.loads(json.dumps(node))
        else:
            held = node.pop(last)
            if change == "rename" and isinstance(node, dict):
                node[draw(st.sampled_from(WORDS))] = held
    return made


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes of a file with some changed, cut out, doubled or cut off."""
    made = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        if not made:
            break
        start = draw(st.integers(0, len(made) - 1))
        long = draw(st.integers(1, 64))
        change = draw(st.sampled_from(["flip", "noise", "cut", "double", "end"]))
        if change == "flip":
            made[start] ^= 1 << draw(st.integers(0, 7))
        elif change == "noise":
            made[start : start + long] = draw(st.binary(min_size=long, max_size=long))
        elif change == "cut":
            del made[start : start + long]
        elif change == "double":
            made[start:start] = made[start : start + long]
        else:
            del made[start:]
    return bytes(made)
