"""Everything Blackthorn refuses, as one tree.

    BlackthornError
    ├── DataError         a data source that cannot be read, or reads as something else than labelled images
    ├── ModelError        a network that cannot be built, traced or called on these images
    ├── AttackError       an attack that cannot mean what was asked (radius, norm, labels)
    ├── TrainingError     training that stopped making sense (loss not finite, accuracy at chance)
    ├── PruningError      pruning that removes nothing, empties a layer or does not fit the network
    ├── BundleError       a file that is not one of our bundles or checkpoints
    ├── RecipeError       a recipe, preset or override that is not valid
    ├── StoreError        results that cannot be written or read back
    └── RanksError        ranks of one training that are not the same, or one that has ended

Every message is one line: where, what was read, what to write instead. The command line prints it and exits with 2.
"""

import difflib
import re
from collections.abc import Iterable

_LONG = 500  # characters of a word; names and paths that people write are shorter


class BlackthornError(ValueError):
    """Base of every error raised on purpose; its message is one line meant for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(legible(message))


def legible(message: str) -> str:
    """The message as one line that a terminal can show, whatever is quoted in it: control characters and line breaks
    are escaped, and a word of more than 500 characters loses its middle.
    """
    shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in message)
    return re.sub(rf"\S{{{_LONG},}}", lambda word: f"{word[0][:200]}... ({len(word[0])} characters)", shown)


class DataError(BlackthornError):
    """A data source that cannot be read, or reads as something else than labelled images."""


class ModelError(BlackthornError):
    """A network that cannot be built, traced or called on these images."""


class AttackError(BlackthornError):
    """An attack that cannot mean what was asked."""


class TrainingError(BlackthornError):
    """Training that stopped making sense."""


class PruningError(BlackthornError):
    """Pruning that removes nothing, empties a layer or does not fit the network."""


class BundleError(BlackthornError):
    """A file that is not one of our bundles or checkpoints."""


class RecipeError(BlackthornError):
    """A recipe, preset or override that is not valid."""


class StoreError(BlackthornError):
    """Results that cannot be written or read back."""


class RanksError(BlackthornError):
    """Ranks of one training that are not the same, or one that has ended."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The tail of an error message: the nearest known words, then all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}Known: {', '.join(names)}."
