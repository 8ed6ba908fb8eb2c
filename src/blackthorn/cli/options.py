"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import RecipeError

RecipeName = Annotated[str, Parameter(help="A recipe of the package (see `blackthorn list`) or a file, `NAME.yaml`.")]
Preset = Annotated[str, Parameter(name="--preset", help="Which preset of the recipe: `full` is the recipe as written.")]
StoreFolder = Annotated[
    Path,
    Parameter(name="--store", help="Where networks, measurements and reports are kept; may be shared by many runs."),
]
DataRoot = Annotated[
    Path | None,
    Parameter(
        name="--data-root",
        env_var="BLACKTHORN_DATA",
        help="Folder in which data sets are looked up by name before the hub.",
    ),
]
Seeds = Annotated[str | None, Parameter(name="--seeds", help="Seeds instead of the recipe's, such as `0,1,2`.")]
License = Annotated[
    str, Parameter(name="--license", help="Under which licence: a word of the hub, such as `mit`; none is assumed.")
]
Changes = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        negative="",
        help="Change one setting, `path=value`, such as `data.train=2000` or `networks.*.steps.train.epochs=1`; "
        "may be repeated.",
    ),
]
Device = Annotated[
    str | None, Parameter(name="--device", help="`cpu`, `cuda` or `cuda:1`; by default a GPU if there is one.")
]
Model = Annotated[
    str | None,
    Parameter(
        name="--model",
        help="Another network than the recipe's: a built-in name, or `package.module:factory` for your own.",
    ),
]
Allowed = Annotated[
    tuple[str, ...],
    Parameter(
        name="--allow-code",
        negative="",
        help="Let the recipe call `package.module:factory`, which runs code that does not lie beside it; may be "
        "repeated.",
    ),
]
Network = Annotated[
    str,
    Parameter(
        help="A bundle (`net.safetensors`, or `hf://owner/name` on the hub), `package.module:factory`, or a built-in "
        "network, with `--weights`."
    ),
]
Data = Annotated[
    str, Parameter(name="--data", help="Labelled images: `digits`, a folder, or a hub id such as `ylecun/mnist`.")
]
Weights = Annotated[
    str | None,
    Parameter(name="--weights", help="A `.safetensors` file or a state dict for a factory or a built-in network."),
]
Norm = Annotated[str, Parameter(name="--norm", help="`linf` or `l2`.")]
Resize = Annotated[
    int | None,
    Parameter(name="--resize", help="Bring images to this size; by default to that of a bundle's network."),
]
Json = Annotated[
    bool,
    Parameter(name="--json", negative="", help="Print the answer as JSON on standard output, for programs."),
]
Quiet = Annotated[bool, Parameter(name=("--quiet", "-q"), negative="", help="Say nothing unless something is wrong.")]
Verbose = Annotated[
    bool,
    Parameter(
        name=("--verbose", "-v"), negative="", help="A line for whatever begins, every epoch, and whatever ends."
    ),
]


def seeds_of(text: str | None) -> tuple[int, ...] | None:
    """The numbers of `--seeds`.

    Raises:
        RecipeError: they are no seeds.
    """
    if text is None:
        return None
    try:
        seeds = tuple(int(word) for word in text.split(","))
    except ValueError:
        raise RecipeError(f"--seeds {text}: write whole numbers with commas between, such as 0,1,2") from None
    if not all(0 <= seed < 2**32 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise RecipeError(f"--seeds {text}: different numbers from 0 to 4294967295 are wanted, such as 0,1,2")
    return seeds


def voice_of(quiet: bool, verbose: bool) -> str:
    """How much is said: quiet, usual or verbose.

    Raises:
        RecipeError: both are asked for.
    """
    if quiet and verbose:
        raise RecipeError("--quiet and --verbose ask for opposite things; leave one out")
    return "quiet" if quiet else "verbose" if verbose else "usual"
