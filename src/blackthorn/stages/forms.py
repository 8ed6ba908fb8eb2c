"""The forms in which a network can run, made to be timed beside each other: in PyTorch, and in ONNX Runtime."""

import contextlib
from collections.abc import Sequence

from torch import nn

from ..deploy import Bundle, OnnxNetwork, sparsify, without_zeros
from ..deploy.exporting import onnx_contents
from ..errors import PruningError
from ..measuring import parameters
from ..measuring.images import evenly
from ..pruning import shrink
from .export import RUNTIMES
from .stage import Form, Stage, Work

_CALIBRATE = 64  # training images: enough for ranges of the right size, and time does not depend on them


def forms_of(work: Work, bundle: Bundle, also: Sequence[str] = ()) -> dict[str, nn.Module]:
    """The network as it would be with nothing pruned (dense), as it is with zeros (masked), and cut down (shrunk).

    Args:
        work: of the stage that measures.
        bundle: what it measures.
        also: "sparse", for layers in the fastest of their forms, where there are zeros; "onnx" and "int8", for what
            ONNX Runtime makes of the dense and of the smallest network, where the work is done on a CPU.
    """
    forms = _in_torch(work, bundle)
    masked = forms.get("masked")
    if "sparse" in also and masked is not None:
        with contextlib.suppress(PruningError):  # whole filters of small layers may leave nothing to gain
            forms["sparse"] = sparsify(masked, example=work.example(), batch=1).model
    runtimes = [runtime for runtime in RUNTIMES if runtime in also and work.device.type == "cpu"]
    if runtimes:
        train = work.splits.train if len(work.splits.train) else work.splits.test
        images = train.x[evenly(len(train), _CALIBRATE)] if "int8" in runtimes else None
        plain = {form: model for form, model in forms.items() if form in ("dense", "shrunk")}
        files = {form: onnx_contents(model, work.example(), calibrate=images) for form, model in plain.items()}
        forms |= {f"{form} {name}": OnnxNetwork(files[form][name]) for name in runtimes for form in plain}
    return forms


def _in_torch(work: Work, bundle: Bundle) -> dict[str, nn.Module]:
    stage = work.stage.parent
    assert stage is not None
    dense = stage.built(work.splits).to(work.device)
    if stage.value.form == "shrunk" and stage.parent is not None:
        return {"dense": dense, "masked": work.bundle(stage.parent).model, "shrunk": bundle.model}
    if bundle.masks is None:
        return {"dense": dense, _form(stage): bundle.model}
    forms = {"dense": dense, "masked": bundle.model}
    with contextlib.suppress(PruningError):  # a network that cannot be cut has no smaller form to time
        small = without_zeros(shrink(bundle.model, bundle.masks, example=work.example()))
        if parameters(small) < parameters(bundle.model):
            forms["shrunk"] = small
    return forms


def _form(stage: Stage) -> Form:
    """What a network without masks is by now; once exported, or else shrunk, it stays so."""
    forms = [one.value.form for one in stage.lineage() if one.value.form is not None]
    return next((form for form in (*RUNTIMES, "shrunk") if form in forms), forms[0] if forms else "dense")
