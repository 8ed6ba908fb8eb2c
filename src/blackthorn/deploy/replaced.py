"""Layers in the place of those that a network was built with, and gates on them, as data: what a bundle needs to put
them back.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field
from torch import Tensor, nn

from ..errors import BundleError
from ..gates import AnyGate, Gating, places
from ..gates.gating import Side, attach, share_draws
from ..values import Count, value, whole
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


@value
class GateForm:
    """A gate on a layer, which it is the child of."""

    kind: Literal["gate"] = "gate"
    gate: AnyGate
    """What makes it."""
    units: Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(whole)]
    shared: str | None = None
    """Name of the gate before it that is the very same; a shared gate draws once for all its layers."""
    dropout: str | None = None
    """Name of the dropout that gives way to it."""


Form = Annotated[SparseForm | Bfloat16Form | GateForm, Field(discriminator="kind")]


def replaced(model: nn.Module) -> dict[str, SparseForm | Bfloat16Form | GateForm]:
    """Name -> form of every layer that no builder makes, and of every gate.

    Raises:
        BundleError: a gate of a kind that no file can name.
    """
    found: dict[str, SparseForm | Bfloat16Form | GateForm] = {}
    for name, module in model.named_modules():
        if isinstance(module, SparseLayer):
            found[name] = SparseForm(in_shape=module.in_shape, out_shape=module.out_shape, stored=module.stored)
        elif isinstance(module, InBfloat16):
            found[name] = Bfloat16Form()
    return found | _gates(model)


def _gates(model: nn.Module) -> dict[str, GateForm]:
    found: dict[str, GateForm] = {}
    first: dict[Gating, str] = {}
    for place in places(model):
        name = f"{place.layer}.{place.side}_gate"
        made_by = getattr(place.gating.gate, "options", None)
        if not isinstance(made_by, AnyGate):
            kind = type(place.gating.gate).__name__
            raise BundleError(f"'{name}' is a {kind}, which no value of blackthorn.gates makes; fold the gates first")
        found[name] = GateForm(
            gate=made_by,
            units=len(place.gating.learnt.active()),
            shared=first.get(place.gating),
            dropout=place.gating.dropout,
        )
        first.setdefault(place.gating, name)
    return found


def _attach_gates(model: nn.Module, forms: Mapping[str, Form], state: Mapping[str, Tensor]) -> None:
    """Put gates back on their layers."""
    modules = dict(model.named_modules())
    made: dict[str, Gating] = {}
    for name, form in forms.items():
        if not isinstance(form, GateForm):
            continue
        layer, _, child = name.rpartition(".")
        side = next((side for side in _SIDES if child == f"{side}_gate"), None)
        absent = [one for one in (layer, form.dropout) if one is not None and one not in modules]
        if side is None or absent or (form.shared is not None and form.shared not in made):
            what = f"layer '{absent[0]}' for it" if absent else "such place"
            raise BundleError(f"the gate '{name}' cannot be put back: there is no {what}")
        if form.shared is None:
            made[name] = Gating(form.gate(form.units), dropout=form.dropout)
        else:
            made[name] = made[form.shared]
        attach(model, layer, side, made[name], state.get(f"{layer}.{side}_units"))
    share_draws(model)


_SIDES: tuple[Side, ...] = get_args(Side)


def replace_layers_(model: nn.Module, forms: Mapping[str, Form], state: Mapping[str, Tensor]) -> None:
    """Put layers and gates of these forms in their places, sparse ones with their structure and weights from `state`.

    Raises:
        BundleError: the network has no such layer, or a tensor is missing.
        ModelError: a structure is damaged.
    """
    made: dict[str, nn.Module] = {}
    for name, form in forms.items():
        if isinstance(form, GateForm):
            continue
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
    _attach_gates(model, forms, state)
