"""Stages that measure a network, and keep records of it."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..attacks import AttackWarning
from ..data import pixels
from ..deploy import Bundle, without_zeros
from ..errors import PruningError
from ..measuring import Accuracy, Cost, Detection, Measured, PruningCurve, parameters
from ..models import build, eval_mode
from ..pruning import shrink
from ..recipes.planning import Stage
from ..running.store import write_bytes, write_records
from ..training import Substituted
from .files import EXAMPLES, FLAGS, RECORDS
from .work import Work, after, stage_model

_SHOWN = 8  # images kept for the report's gallery


def measure_accuracy(work: Work, measure: Accuracy) -> None:
    """One record, a flag for every image, and a few attacked images."""
    bundle = work.parent()
    model, test = bundle.model, work.splits.test.to(work.device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AttackWarning)  # kept in the record, and shown in the report
        source, noise = _source(work), next(iter(work.noises()), None)
        measured = measure(model, test.x, test.y, source=source, noise=noise, progress=work.progress)
    flags = io.BytesIO()
    np.save(flags, measured.flags.numpy(), allow_pickle=False)
    write_bytes(work.folder / FLAGS, flags.getvalue())
    if measured.x_adv is not None:
        _keep_examples(work.folder / EXAMPLES, model, test.x, test.y, measured, measured.x_adv)
    record = measured.record() | _removed(bundle) | {"classes": list(test.classes)}
    doubts = bundle.about.get("warnings")
    record["warnings"] = [*measured.warnings, *(doubts if isinstance(doubts, list) else [])]
    record |= {"parameters": parameters(model)} | work.provenance(measured.seconds)
    write_records(work.folder / RECORDS, [record])


def measure_pruning_curve(work: Work, measure: PruningCurve) -> None:
    """A record for every curve, set of images and rate."""
    test, asked = work.splits.test, measure.looks_at
    scored_on = None if asked is None else work.images(asked)
    records = measure(
        work.parent().model, test.x, test.y, scored_on=scored_on, noises=work.noises(), progress=work.progress
    )
    write_records(work.folder / RECORDS, [record | work.provenance() for record in records])


def measure_detection(work: Work, measure: Detection) -> None:
    """A record for every attack or noise."""
    test = work.splits.test
    records = measure(work.parent().model, test.x, test.y, noises=work.noises(), progress=work.progress)
    write_records(work.folder / RECORDS, [work.provenance() | record for record in records])


def measure_cost(work: Work, measure: Cost) -> None:
    """A record for every form of the network."""
    assert work.stage.parent is not None
    records = measure(_forms(work, work.stage.parent), work.example())
    shared = _removed(work.parent()) | work.provenance()
    write_records(work.folder / RECORDS, [record | shared for record in records])


def _source(work: Work) -> nn.Module | Substituted | None:
    """What an accuracy's adversarial images are crafted on, where that is not the measured network."""
    stage = work.stage.source
    if stage is None:
        return None
    bundle = work.network(stage)
    if stage.kind != "substitute":
        return bundle.model
    holdout, queries, agreement = (bundle.about.get(name) for name in ("holdout", "queries", "agreement"))
    assert isinstance(holdout, int) and isinstance(queries, int) and isinstance(agreement, float)  # by substitute_step
    return Substituted(bundle.model, holdout, queries, agreement)


def _forms(work: Work, network: Stage) -> dict[str, nn.Module]:
    """The network as it would be with nothing pruned, as it is with zeros, and cut down to what is left."""
    splits = work.splits
    dense = build(stage_model(network), num_classes=splits.num_classes, shape=splits.shape).to(work.device)
    bundle = work.network(network)
    if network.kind == "shrink" and network.parent is not None:
        return {"dense": dense, "masked": work.network(network.parent).model, "shrunk": bundle.model}
    if bundle.masks is None:
        form = "shrunk" if after("shrink", network) else "masked" if after("decouple", network) else "dense"
        return {"dense": dense, form: bundle.model}
    forms = {"dense": dense, "masked": bundle.model}
    with contextlib.suppress(PruningError):  # a network that cannot be cut has no smaller form to time
        small = without_zeros(shrink(bundle.model, bundle.masks, example=work.example()))
        if parameters(small) < parameters(bundle.model):
            forms["shrunk"] = small
    return forms


def _removed(bundle: Bundle) -> dict[str, Any]:
    return {name: held for name, held in bundle.about.items() if "sparsity" in name}


def _keep_examples(path: Path, model: nn.Module, x: Tensor, y: Tensor, measured: Measured, x_adv: Tensor) -> None:
    """A few images for people to look at: the first of the test set, with what became of them."""
    from safetensors.torch import save

    index = measured.index[:_SHOWN].to(x.device)
    original, adversarial = pixels(x[index]), x_adv[: len(index)].to(x.device)
    with eval_mode(model), torch.no_grad():
        predicted, predicted_adversarial = model(original).argmax(1), model(adversarial).argmax(1)
    tensors = {
        "original": original,
        "adversarial": adversarial,
        "label": y[index],
        "predicted": predicted,
        "predicted_adversarial": predicted_adversarial,
    }
    write_bytes(path, save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}))
