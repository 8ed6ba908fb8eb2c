"""Layers in the place of those that a network was built with, as data: what a bundle needs to put them back."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from ..errors import BundleError
from ..values import Count, value
from .sparse import InBfloat16
from .sparse_layer import SparseLayer
from .unroll import put_in_place


@value
class SparseForm:
    """A `SparseLayer`; its structure is stored among the tensors."""

    kind: Literal["sparse"] = "sparse"
    in_shape: tuple[Count, ...]
    out_shape: tuple[Count, ...]
    stored: Count


@value
class Bfloat16Form:
    """An `InBfloat16` around the layer."""

    kind: Literal["bfloat16"] = "bfloat16"


Form = Annotated[SparseForm | Bfloat16Form, Field(discriminator="kind")]


def replaced(model: nn.Module) -> dict[str, SparseForm | Bfloat16Form]:
    """Name -> form of every layer that no builder makes."""
    found: dict[str, SparseForm | Bfloat16Form] = {}
    for name, module in model.named_modules():
        if isinstance(module, SparseLayer):
            found[name] = SparseForm(in_shape=module.in_shape, out_shape=module.out_shape, stored=module.stored)
        elif isinstance(module, InBfloat16):
            found[name] = Bfloat16Form()
    return found


def replace_layers_(model: nn.Module, forms: Mapping[str, Form], state: Mapping[str, Tensor]) -> None:
    """Put layers of these forms in their places, sparse ones with their structure and weights from `state`.

    Raises:
        BundleError: the network has no such layer, or a tensor is missing.
        ModelError: a structure is damaged.
    """
    made: dict[str, nn.Module] = {}
    for name, form in forms.items():
        if not name or name not in dict(model.named_modules()):
            raise BundleError(f"there is no layer '{name}' to replace; was the network's code changed since?")
        if isinstance(form, Bfloat16Form):
            made[name] = InBfloat16(model.get_submodule(name))
            continue
        for tensor in ("rows", "columns", "weight"):
            if f"{name}.{tensor}" not in state:
                raise BundleError(f"'{name}.{tensor}' is not in it")
        rows, columns, weight = (state[f"{name}.{tensor}"] for tensor in ("rows", "columns", "weight"))
        bias, shapes = state.get(f"{name}.bias"), {"in_shape": form.in_shape, "out_shape": form.out_shape}
        made[name] = SparseLayer(rows, columns, weight, bias, **shapes, stored=form.stored)
    put_in_place(model, made)
