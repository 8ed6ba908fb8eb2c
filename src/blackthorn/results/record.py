"""What every record says: which measure made it, on which network, from what, and where.

A record is one flat JSON object, one line of `records.jsonl`. It is validated when it is made and again when it is
read, so that whatever shows a number can rely on its type. Nothing here loads torch.
"""

from typing import Any, ClassVar, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from .statistics import Reading

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def record(cls: type[T]) -> type[T]:
    """Make a class a record: frozen, keyword-only, validated; fields of newer versions are passed over."""
    config = ConfigDict(extra="ignore", allow_inf_nan=False)
    return dataclass(frozen=True, kw_only=True, config=config)(cls)  # type: ignore[return-value]  # as in values.py


@record
class Record:
    """The fields that all records share; each kind of record adds its own, with a `measure` that names it."""

    plain: ClassVar[bool] = False
    """Whether its `reading` is a number in a unit of its own, and no share of images."""
    measure: str
    """The kind of the measure that made it."""
    warnings: tuple[str, ...] = ()
    """Why the number may say less than it seems to."""
    alarms: tuple[str, ...] = ()
    """Signs that the attack failed and not the network withstood: the number is then an upper bound that must not be
    compared.
    """
    seconds: float = 0.0
    """Time that measuring took."""

    requested_sparsity: float | None = None
    """The fraction that was to be removed from the network; None where nothing was."""
    sparsity_weights: float | None = None
    """Fraction of convolution and linear weights that is zero."""
    sparsity_filters: float | None = None
    """Fraction of convolution filters that is zero."""
    sparsity_units: float | None = None
    """Fraction of filters and hidden linear units that is zero."""

    key: str = ""
    """The address of the stage that made it, such as accuracy-3f2a90c1b7de."""
    dataset: str = ""
    fingerprint: str = ""
    """Of the images."""
    architecture: str = ""
    seed: int | None = None
    version: str = ""
    """Of this package."""
    commit: str = ""
    torch: str = ""
    python: str = ""
    device: str = ""
    """The processor or graphics card."""
    threads: int | None = None

    @property
    def reading(self) -> Reading | None:
        """The number that the record is about, with its interval over images; None for one that has no such interval,
        such as a cost.
        """
        return None

    @property
    def flagged(self) -> int | None:
        """How many images have a flag, right or wrong, that is kept beside the record; None where none is kept."""
        return None


def to_json(held: Record) -> dict[str, Any]:
    """The flat JSON object of a record; what is not known (None, no text, an empty list) is left out."""
    plain: dict[str, Any] = TypeAdapter(type(held)).dump_python(held, mode="json")
    return {name: said for name, said in plain.items() if said is not None and said != "" and said != []}
