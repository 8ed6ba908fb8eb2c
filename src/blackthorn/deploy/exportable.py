"""A network as an exporter can read it: plain layers in float32, and one tensor of logits that comes out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..gates import places
from ..models import copied, eval_mode
from ..models.outputs import LastSquashing, as_logits, dtype_of, is_one_number, logits_from, ordinary, tensor_in
from ..pruning import fold_gates
from .dense import dense_form
from .proof import example_images, logits_on
from .sparse import InBfloat16
from .sparse_layer import SparseLayer
from .unroll import put_in_place

_SAME = 1e-6  # of the largest logit; the same network asked twice


@dataclass(frozen=True)
class Exportable:
    """A network for an exporter, beside what it must agree with."""

    network: nn.Module
    """Takes images, float32 (batch, channels, height, width) in [0, 1], and gives logits (batch, classes)."""
    wanted: nn.Module
    """The network as it was given, in float32 and on the CPU: what every file is compared with."""
    changed: tuple[str, ...]
    """What had to be made plain, a line each."""


def exportable(model: nn.Module, shape: tuple[int, int, int]) -> Exportable:
    """A network without what only this package computes: gates are folded, sparse layers dense, bfloat16 is float32.

    Args:
        model: not touched; on any device.
        shape: channels, height and width of its images.
    Raises:
        ModelError: it draws random numbers when it is asked, or a layer has no plain form.
        PruningError: its gates cannot be folded.
    """
    original = getattr(model, "_orig_mod", model)  # of torch.compile
    wanted = ordinary(copied(original)).cpu().eval().requires_grad_(False)
    said = _in_float32_(wanted, shape)
    plain, name = copied(wanted), type(original).__name__
    if places(plain):
        plain = fold_gates(plain, example=example_images(shape).float() / 255).eval().requires_grad_(False)
        said.append("its gates were folded into the weights")
    sparse = {name: layer for name, layer in plain.named_modules() if isinstance(layer, SparseLayer)}
    if sparse:
        put_in_place(plain, made := {name: dense_form(layer, name) for name, layer in sparse.items()})
        again = all(any(isinstance(part, nn.Conv2d) for part in one.modules()) for one in made.values())
        form = "convolutions again" if again else "dense"
        said.append(f"sparse layers were made {form}: {', '.join(sparse)}; no runtime reads them as they are")
    network = Logits(plain, name, _is_probability(plain, shape, name)).eval().requires_grad_(False)
    images = example_images(shape)
    one, other = logits_on(wanted, images), logits_on(wanted, images, seed=1)
    if not bool((one - other).abs().max() <= _SAME * one.abs().max()):
        raise ModelError(f"{name} draws random numbers whenever it is asked, which a file cannot; export one without")
    return Exportable(network, wanted, tuple(said))


class Logits(nn.Module):
    """A network that gives logits and nothing else, whatever the one within gives: a tuple, a dictionary, one number.

    Args:
        model: the network.
        name: what it is called in an error.
        probability: whether it gives the probability of class 1 of two, and no logits.
    """

    def __init__(self, model: nn.Module, name: str, probability: bool) -> None:
        super().__init__()
        self.model, self.name, self.probability = model, name, probability

    def forward(self, images: Tensor) -> Tensor:
        """From images (batch, channels, height, width) to logits (batch, classes)."""
        found = tensor_in(self.model(images), self.name)
        return as_logits(found.logit() if self.probability else found)


def _in_float32_(model: nn.Module, shape: tuple[int, int, int]) -> list[str]:
    """Bring every layer to float32; a line for each other arithmetic, with what the change does to logits."""
    inside = {name: layer.layer for name, layer in model.named_modules() if isinstance(layer, InBfloat16)}
    other = dtype_of(model)
    if other is torch.float32 and not inside:
        return []
    images = example_images(shape)
    before = logits_on(model, images)
    put_in_place(model, inside)
    model.float()
    moved = float((logits_on(model, images) - before).abs().max())
    what = f"layers in bfloat16 ({', '.join(inside)})" if inside else f"weights in {str(other).removeprefix('torch.')}"
    return [f"{what} were exported in float32, which moves logits by up to {moved:.2g}"]


def _is_probability(model: nn.Module, shape: tuple[int, int, int], name: str) -> bool:
    """Whether the one number that the network gives is a sigmoid's."""
    images = example_images(shape).float() / 255
    with torch.no_grad(), eval_mode(model), LastSquashing() as last:
        output = tensor_in(model(images), name)
    if not is_one_number(output) or last.behind(output) is None:
        return False
    return bool(((logits_from(model, images) - as_logits(output.logit())).abs() < 1e-3).all())
