"""What ONNX Runtime makes of the networks, said in words: whether it matters more than what pruning saved."""

from collections.abc import Sequence

from .costs import Cost
from .words import amount, ratio


def runtime_lines(spent: Sequence[Cost]) -> list[str]:
    """A sentence or two for each network and batch size that was timed in ONNX Runtime and in PyTorch."""
    timed = {(cost.row, cost.batch, cost.form): cost for cost in spent if cost.metric == "latency"}
    found = []
    for row, batch in dict.fromkeys((row, batch) for row, batch, form in timed if form == "dense onnx"):
        forms = {form: cost for (name, size, form), cost in timed.items() if (name, size) == (row, batch)}
        said = _dense_against_shrunk(row, batch, forms)
        if said:
            found.append(said)
    return found


def _dense_against_shrunk(row: str, batch: int | None, forms: dict[str, Cost]) -> str:
    dense, torch, small = forms["dense onnx"], forms.get("dense"), forms.get("shrunk")
    at = f"At batch {batch}"
    if small is None:
        if torch is None:
            return ""
        told = ratio(torch.value, dense.value, "faster", "slower", "as fast")
        return f"{at}, ONNX Runtime runs {row} in {_ms(dense)}, and PyTorch in {_ms(torch)}: {_than(told)}."
    shrunk = forms.get("shrunk onnx")
    after = "" if shrunk is None else f" The shrunk network takes {_ms(shrunk)} in ONNX Runtime."
    before, cut = f"the dense network in ONNX Runtime ({_ms(dense)})", f"the shrunk one in PyTorch ({_ms(small)})"
    if dense.high < small.low:
        return f"{at}, for {row}, {before} beats {cut}: the runtime saves more than pruning does.{after}"
    if small.high < dense.low:
        return f"{at}, for {row}, {before} does not beat {cut}.{after}"
    return f"{at}, for {row}, {before} is as fast as {cut}, within their spread.{after}"


def _ms(cost: Cost) -> str:
    return amount(cost.value, cost.unit)


def _than(told: str) -> str:
    return told if told == "as fast" else f"it is {told}"
