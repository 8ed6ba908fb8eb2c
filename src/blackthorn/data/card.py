"""The card of a data set: a README.md that begins with a few lines for programs, between dashes."""

import json
from collections.abc import Iterable
from pathlib import Path

CARD = "README.md"
UNKNOWN = "unknown"
"""The license of images whose source says nothing; as data set cards spell it."""
_LONGEST = 100_000  # bytes of a card that are read; the lines for programs come first


def card(parts: Iterable[str], about: str, license: str) -> str:
    """The text of a card.

    Args:
        parts: the splits, whose files are called `PART-*.parquet`.
        about: Markdown for people.
        license: such as "mit".
    """
    files = "".join(f"  - split: {part}\n    path: {part}-*.parquet\n" for part in parts)
    return (
        f"---\nlicense: {json.dumps(license)}\ntask_categories:\n- image-classification\n"
        f"configs:\n- config_name: default\n  data_files:\n{files}---\n\n{about.strip()}\n"
    )


def license_of(folder: Path) -> str:
    """The license that the card of a folder names; "unknown" where it names none, or there is no card."""
    import yaml

    try:
        with open(folder / CARD, "rb") as file:
            opening, *rest = file.read(_LONGEST).decode("utf-8", errors="replace").split("---", 2)
        said = yaml.safe_load(rest[0]).get("license") if not opening.strip() and len(rest) == 2 else None
    except (OSError, yaml.YAMLError, AttributeError, RecursionError):
        return UNKNOWN
    words = [str(one) for one in said] if isinstance(said, list) else [said] if isinstance(said, str) else []
    return ", ".join(word for word in words if word.isprintable())[:200] or UNKNOWN
