"""From a trained network to a smaller one: pruned in several ways, fine-tuned, chosen by a rule, audited, and written.

    made = bt.compress(model, splits, smaller="4x", eps=8/255)
    print(made.verdict, made.network)

It is a recipe underneath (`recipes.compression`), run by the one runner: it resumes, and repeats nothing.
"""

from contextlib import nullcontext

from torch import nn

from ..data import Splits
from ..experiment import AnyPath
from ..recipes.audits import IMAGES, Tier
from ..report.model_card import UNKNOWN
from ..running.events import Listener, quiet
from .asked import Asked as Asked
from .doing import Compressed as Compressed
from .doing import carried_out as carried_out
from .doing import planned as planned


def compress(
    model: nn.Module | str,
    data: Splits | str,
    *,
    smaller: float | str | None = None,
    faster: float | str | None = None,
    sparsity: float | str | None = None,
    batch: int = 1,
    keep_accuracy: float = 1.0,
    keep_robustness: float | None = None,
    eps: float | None = None,
    norm: str = "linf",
    tier: Tier = "screen",
    n_max: int = IMAGES,
    epochs: int = 5,
    lr: float = 1e-3,
    resize: int | None = None,
    weights: str | None = None,
    out: AnyPath | None = None,
    license: str = UNKNOWN,
    store: AnyPath = "runs",
    data_root: AnyPath | None = None,
    device: str | None = None,
    listen: Listener | None = None,
) -> Compressed:
    """Compress a trained network, and say what that costs.

    Args:
        model: a module, which maps pixels in [0, 1] to logits; or a bundle's file, `package.module:factory`, or a
            built-in network's name with `weights`. A factory that is named here is called.
        data: `Splits` with training images to fine-tune on and test images; or a source that `load_data` reads.
        smaller: so many times fewer bytes of the file: 4 or "4x".
        faster: so many times less time for `batch` images on this device.
        sparsity: so large a share of zero weights, with the zeros left in place: 0.9 or "90%".
        batch: images at once, where time is measured.
        keep_accuracy: points of natural accuracy that may be lost.
        keep_robustness: points of accuracy under attack that may be lost; by default 2 where `eps` is given.
        eps: the radius at which it is to stay as hard to fool, in pixels of [0, 1]; fine-tuning is then adversarial.
        norm: "linf" or "l2".
        tier: how thorough the attack of the audit is: "screen", "standard" or "full".
        n_max: choose by at most so many test images, and audit on as many others.
        epochs: of fine-tuning, for each network that is tried.
        lr: the first learning rate of fine-tuning.
        resize: bring the images of a source to this size; by default to that of a bundle's network.
        weights: a file of weights for a factory or a built-in network.
        out: the folder for the bundle, the recipe and the page; by default `NETWORK-compressed`.
        license: under which the folder is given away: an identifier of the hub, such as "mit"; nothing is assumed.
        store: the folder of results; what is in it already is not done again.
        data_root: where data sets are looked up by name.
        device: "cpu", "cuda" or "cuda:1"; by default a GPU if there is one.
        listen: called with an `Event` for everything that happens.
    Raises:
        BlackthornError: anything refused, in one line.
    """
    options = {
        "smaller": smaller,
        "faster": faster,
        "sparsity": sparsity,
        "batch": batch,
        "keep_accuracy": keep_accuracy,
        "keep_robustness": keep_robustness,
        "eps": eps,
        "norm": norm,
        "tier": tier,
        "images": n_max,
        "epochs": epochs,
        "lr": lr,
    }
    asked = Asked(model, weights, data, options, resize, out=out, license=license, called=True)
    return carried_out(
        asked,
        store=store,
        data_root=data_root,
        device=device,
        jobs=1,
        listening=lambda experiment: nullcontext(listen or quiet),
    )
