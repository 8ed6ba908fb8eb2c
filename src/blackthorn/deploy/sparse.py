"""Run a pruned network as fast as its zeros allow: each layer in the form that was measured to be fastest.

Zeros make a dense layer no faster. A sparse layer takes time for its entries only, but more for each than a dense one,
and how much more depends on the processor, the batch and the layer. So nothing is assumed: every candidate runs.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import PruningError
from ..measuring import latency
from ..models import eval_mode
from ..pruning import Masks
from .kernel import available
from .sparse_layer import SparseLayer, from_linear
from .unroll import check_same, put_in_place, unroll, watched

_MOST_ENTRIES = 2**26  # of an unrolled convolution; 0.5 GB, and far from being the fastest form
Layer = nn.Linear | nn.Conv2d | SparseLayer


class InBfloat16(nn.Module):
    """A layer that computes in bfloat16, between float32 values; faster on processors with bf16 units."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer.to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x.to(torch.bfloat16))
        return y.to(x.dtype)


@dataclass(frozen=True)
class Pick:
    """The form in which one layer runs, and why: what each form took."""

    layer: str
    form: str
    """float32, bfloat16 or sparse."""
    seconds: Mapping[str, float]
    """Median time of the whole batch, by form; forms that were not allowed are measured too."""
    entries: int
    """Weights, or stored entries, that are not zero."""
    stored: int
    """Of how many."""
    batch: int
    threads: int
    compiled: bool
    """Whether the sparse form was the compiled kernel; without llvmlite it was torch's own product."""

    def __str__(self) -> str:
        times = ", ".join(f"{form} {1e3 * took:.3g} ms" for form, took in sorted(self.seconds.items(), key=_time))
        zeros = 1 - self.entries / self.stored
        return f"{self.layer}: {self.form}, {zeros:.1%} zeros ({times}; batch {self.batch}, {self.threads} threads)"


@dataclass(frozen=True)
class Sparsified:
    """A network to run, and what was picked for each of its pruned layers."""

    model: nn.Module
    picks: tuple[Pick, ...]

    def __str__(self) -> str:
        hint = "sparse layers ran as torch's own product; with pip install 'blackthorn[sparse]' they are compiled"
        return "\n".join([*map(str, self.picks), *([] if all(pick.compiled for pick in self.picks) else [hint])])


def sparsify(
    model: nn.Module,
    masks: Masks | None = None,
    *,
    example: Tensor,
    batch: int = 250,
    bfloat16: bool = False,
    repeats: int = 7,
) -> Sparsified:
    """A copy of a network whose pruned layers run in the fastest of their forms: dense, dense in bfloat16, sparse.

    A layer is pruned if any of its weights is zero. Linear layers and convolutions are compared in both forms, a
    convolution unrolled for the size of the images. Layers of a decoupled network stay sparse, as they have no dense
    form of bearable size; entries that were pruned are deleted from them.

    The forms take turns on what the layer sees in the network. Without `bfloat16`, the copy is compared with the
    network on the example: logits to 1e-4 of the largest.

    Args:
        model: not touched.
        masks: applied first; None takes the zeros that are there.
        example: one image or more, (any, channels, height, width), repeated to fill a batch.
        batch: the number of images at once that the network is to be fast for.
        bfloat16: pick bfloat16 where it is fastest, which changes logits in the third digit. It is measured anyway.
        repeats: rounds of measurement for each layer.
    Returns:
        The network and the picks, in the order of its layers.
    Raises:
        PruningError: the masks belong to another network, or no layer that ran has a zero.
        ModelError: the copy computes something else.
    """
    copied = copy.deepcopy(model)
    if masks is not None:
        masks.apply_(copied)
    images = example[torch.arange(batch, device=example.device) % len(example)]
    with watched(copied, nn.Linear, nn.Conv2d, SparseLayer) as seen, eval_mode(copied), torch.no_grad():
        wanted = copied(images)
    picks, made = [], {}
    compiled = available() and images.device.type == "cpu" and images.dtype == torch.float32
    for name, inputs in seen.items():
        layer = copied.get_submodule(name)
        assert isinstance(layer, Layer)
        entries = int(torch.count_nonzero(layer.weight))
        if entries == layer.weight.numel():
            continue
        forms = _forms(layer, inputs)
        took = {one.form: one.median for one in latency(forms, inputs[0], batches=(len(inputs[0]),), repeats=repeats)}
        allowed = {form: seconds for form, seconds in took.items() if bfloat16 or form != "bfloat16"}
        form = min(allowed, key=allowed.__getitem__)
        stored = layer.stored if isinstance(layer, SparseLayer) else layer.weight.numel()
        picks.append(Pick(name, form, took, entries, stored, batch, torch.get_num_threads(), compiled))
        made[name] = forms[form]
    if not picks:
        raise PruningError(f"no layer of {type(model).__name__} has a zero weight; prune it first, or pass its masks")
    put_in_place(copied, made)
    if not bfloat16:
        with eval_mode(copied), torch.no_grad():
            check_same(copied(images), wanted, "sparse")
    return Sparsified(copied, tuple(picks))


def _forms(layer: Layer, inputs: Sequence[Tensor]) -> dict[str, nn.Module]:
    """The candidates; a layer that runs on images of several sizes has no sparse form."""
    if isinstance(layer, SparseLayer):
        return {"sparse": layer.without_zeros()}
    forms: dict[str, nn.Module] = {"float32": layer, "bfloat16": InBfloat16(copy.deepcopy(layer))}
    if isinstance(layer, nn.Linear):
        forms["sparse"] = from_linear(layer)
    else:
        sizes = {(x.shape[-2], x.shape[-1]) for x in inputs}
        height, width = sizes.pop()
        positions = height * width // (layer.stride[0] * layer.stride[1])
        if not sizes and int(torch.count_nonzero(layer.weight)) * positions <= _MOST_ENTRIES:
            forms["sparse"] = unroll(layer, (height, width)).without_zeros()
    return forms


def _time(form: tuple[str, float]) -> float:
    return form[1]
