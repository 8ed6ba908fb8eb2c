"""Files that are written whole or not at all, whenever the program or the machine stops."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file aside, make sure that it is on disk, and move it into its place in one step."""
    aside = path.with_name(path.name + ".writing")
    with open(aside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
