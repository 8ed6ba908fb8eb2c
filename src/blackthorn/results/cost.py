"""The record of a cost: one number about the size or the speed of one form of a network."""

from typing import Literal

from .record import Record, record


@record
class CostRecord(Record):
    """One cost of one form of one network."""

    measure: Literal["cost"] = "cost"
    metric: str
    """parameters, nonzero, macs, bytes or latency."""
    form: str
    """dense, masked (zeros kept in place), shrunk (channels really removed) or sparse (layers in the fastest form); in
    ONNX Runtime: dense onnx, shrunk onnx, dense int8, shrunk int8.
    """
    batch: int | None = None
    """Images at once, where it matters."""
    value: float
    low: float | None = None
    """First quartile of what was repeated; None for what is counted exactly."""
    high: float | None = None
    unit: str
    """count, bytes or ms."""
    n: int = 1
    """Repetitions."""
