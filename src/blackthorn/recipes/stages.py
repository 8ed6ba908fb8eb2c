"""What each stage does, in a folder of its own: the only place where a recipe touches networks."""

import contextlib
import io
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..attacks import AttackWarning, UniversalNoise
from ..data import Splits, to_float
from ..deploy import Bundle, decouple, load, save, without_zeros
from ..errors import BundleError, PruningError
from ..measuring import Accuracy, Cost, Detection, Measured, PruningCurve
from ..measuring import parameters as count_parameters
from ..models import build, eval_mode
from ..pruning import AnyCriterion, Hold, Masks, masks_for, prune, shrink, sparsity, wanted
from ..training import Substitute, Substituted, fit
from ..types import Progress
from ..values import spell
from .files import ABOUT, EXAMPLES, FLAGS, HISTORY, NETWORK, NOISE, RECORDS
from .planning import Stage
from .provenance import made_with
from .schema import Decouple, Prune, Shrink, Train
from .store import damaged, write_bytes, write_records, write_text

_CHECKPOINT = "checkpoint.pt"
_SHOWN = 8  # images kept for the report's gallery

Finished = Callable[[Stage], Path]
"""The folder of a stage that is done."""


def perform(
    stage: Stage, folder: Path, splits: Splits, finished: Finished, device: torch.device, progress: Progress
) -> None:
    """Do a stage's work in `folder`, going on from what an interrupted attempt left there.

    Raises:
        BlackthornError: what the stage's own work refuses.
        OSError: the folder cannot be written.
    """
    start = time.time()
    if isinstance(stage.value, Train):
        _train(stage, stage.value, folder, splits, finished, device, progress)
    elif isinstance(stage.value, Prune):
        _prune(stage, stage.value, folder, splits, finished, device)
    elif isinstance(stage.value, Shrink):
        _shrink(stage, folder, splits, finished, device)
    elif isinstance(stage.value, Decouple):
        _decouple(stage, stage.value, folder, splits, finished, device)
    elif isinstance(stage.value, Substitute):
        _substitute(stage, stage.value, folder, splits, finished, device, progress)
    elif isinstance(stage.value, UniversalNoise):
        _noise(stage, stage.value, folder, splits, finished, device, progress)
    elif isinstance(stage.value, Accuracy):
        _accuracy(stage, stage.value, folder, splits, finished, device, progress)
    elif isinstance(stage.value, PruningCurve):
        _pruning_curve(stage, stage.value, folder, splits, finished, device, progress)
    elif isinstance(stage.value, Detection):
        _detection(stage, stage.value, folder, splits, finished, device, progress)
    else:
        _cost(stage, stage.value, folder, splits, finished, device)
    about = {
        "stage": spell(stage.value),
        "label": stage.label,
        "parent": stage.parent.key if stage.parent else None,
        **({} if stage.source is None else {"source": f"{stage.source.kind}-{stage.source.key}"}),
        **({} if not stage.noises else {"noises": [f"{noise.kind}-{noise.key}" for noise in stage.noises]}),
        "model": stage.model,
        **_provenance(stage, splits, device, time.time() - start),
    }
    write_text(folder / ABOUT, json.dumps(about, indent=1, default=str))


def _train(
    stage: Stage,
    step: Train,
    folder: Path,
    splits: Splits,
    finished: Finished,
    device: torch.device,
    progress: Progress,
) -> None:
    if stage.parent is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stage.seed)
            model = build(stage.model, num_classes=splits.num_classes, shape=splits.shape)
        bundle = Bundle(model, None, {})
    else:
        bundle = _network(stage.parent, finished)
    model = bundle.model.to(device)
    history = fit(
        model,
        splits.train,
        step.objective,
        epochs=step.epochs,
        batch_size=step.batch_size,
        optimizer=step.optimizer,
        schedule=step.schedule,
        augment=step.augment,
        constraints=[] if bundle.masks is None else [Hold(bundle.masks)],
        valid=splits.valid,
        early_stopping=step.early_stopping,
        precision=step.precision,
        # Another one for each training in a chain, or fine-tuning would see its images in the order of the one before.
        seed=stage.seed * 1000 + trainings_before(stage),
        stop_at_chance=step.stop_at_chance,
        checkpoint=folder / _CHECKPOINT,
        progress=progress,
    )
    write_records(folder / HISTORY, [dict(epoch) for epoch in history])
    _keep(folder, model, bundle.masks, splits, bundle.about, removed=bundle.about if _after("shrink", stage) else None)
    (folder / _CHECKPOINT).unlink(missing_ok=True)


def trainings_before(stage: Stage) -> int:
    """How many trainings a stage builds on."""
    parents = []
    while stage.parent is not None:
        stage = stage.parent
        parents.append(stage.kind)
    return parents.count("train")


def _prune(stage: Stage, step: Prune, folder: Path, splits: Splits, finished: Finished, device: torch.device) -> None:
    assert stage.parent is not None
    bundle = _network(stage.parent, finished)
    model = bundle.model.to(device)
    with warnings.catch_warnings(record=True) as doubts:  # shown in the report with every number of this network
        warnings.simplefilter("always")
        also: list[Masks] = []
        for one in step.also:
            x, y = _images(one.criterion, stage.seed, splits, device)
            also.append(
                masks_for(model, one.criterion, sparsity=one.sparsity, scope=one.scope, layers=one.layers, x=x, y=y)
            )
        x, y = _images(step.criterion, stage.seed, splits, device)
        masks = prune(
            model,
            step.criterion,
            sparsity=step.sparsity,
            scope=step.scope,
            budget=step.budget,
            floor=step.floor,
            coupled=step.coupled,
            layers=step.layers,
            also=reduce(and_, also) if also else None,
            x=x,
            y=y,
        )
    if bundle.masks is not None:
        masks = masks & bundle.masks
    _keep(
        folder,
        model,
        masks,
        splits,
        {"requested_sparsity": step.sparsity, "warnings": [str(doubt.message) for doubt in doubts]},
    )


def _shrink(stage: Stage, folder: Path, splits: Splits, finished: Finished, device: torch.device) -> None:
    assert stage.parent is not None
    bundle = _network(stage.parent, finished)
    model = bundle.model.to(device)
    small = without_zeros(shrink(model, bundle.masks, example=_example(splits, device)))
    if count_parameters(small) == count_parameters(model):
        raise PruningError("there is no channel to cut out; prune filters first (criterion: {kind: filter_norm})")
    # A shrunk network has no zeros left to count; what was removed is what its parent says.
    _keep(folder, small, None, splits, bundle.about, removed=bundle.about)


def _decouple(
    stage: Stage, step: Decouple, folder: Path, splits: Splits, finished: Finished, device: torch.device
) -> None:
    assert stage.parent is not None
    bundle = _network(stage.parent, finished)
    model = decouple(bundle.model.to(device), _example(splits, device), layers=step.layers)
    masks = None if bundle.masks is None else _of_connections(bundle.masks, model)
    _keep(folder, model, masks, splits, bundle.about, removed=bundle.about if _after("shrink", stage) else None)


def _of_connections(masks: Masks, model: nn.Module) -> Masks:
    """Masks of a network that was decoupled since: the connections that a removed weight became are removed."""
    weights = {name: model.get_parameter(name).detach() for name in masks}
    unrolled = {name: weight != 0 for name, weight in weights.items() if weight.shape != masks[name].shape}
    return Masks({**masks, **unrolled})


def _substitute(
    stage: Stage,
    step: Substitute,
    folder: Path,
    splits: Splits,
    finished: Finished,
    device: torch.device,
    progress: Progress,
) -> None:
    assert stage.parent is not None
    oracle = _network(stage.parent, finished).model.to(device)
    test = splits.test.to(device)
    made = step(oracle, test.x, test.y, num_classes=splits.num_classes, seed=stage.seed, progress=progress)
    write_records(folder / HISTORY, [dict(epoch) for epoch in made.history])
    about = {"holdout": made.holdout, "queries": made.queries, "agreement": made.agreement}
    _keep(folder, made.model, None, splits, about)


def _source(stage: Stage, finished: Finished, device: torch.device) -> nn.Module | Substituted | None:
    """What an accuracy's adversarial images are crafted on, where that is not the measured network."""
    if stage.source is None:
        return None
    bundle = _network(stage.source, finished)
    model, about = bundle.model.to(device), bundle.about
    if stage.source.kind != "substitute":
        return model
    holdout, queries, agreement = (about.get(name) for name in ("holdout", "queries", "agreement"))
    assert isinstance(holdout, int) and isinstance(queries, int) and isinstance(agreement, float)  # as written above
    return Substituted(model, holdout, queries, agreement)


def _noise(
    stage: Stage,
    attack: UniversalNoise,
    folder: Path,
    splits: Splits,
    finished: Finished,
    device: torch.device,
    progress: Progress,
) -> None:
    from safetensors.torch import save

    assert stage.parent is not None
    model = _network(stage.parent, finished).model.to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AttackWarning)  # said again in the records of what adds it
        made = attack(model, splits.train.x, seed=stage.seed, progress=progress)
    write_bytes(folder / NOISE, save({"noise": made.cpu().contiguous()}))


def _noises(stage: Stage, finished: Finished, device: torch.device) -> list[Tensor]:
    """The noises that a measure asked for by its `noises`, in that order, each (channels, height, width)."""
    return [_read_noise(finished(noise) / NOISE).to(device) for noise in stage.noises]


def _read_noise(path: Path) -> Tensor:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)["noise"]
    except (OSError, SafetensorError, KeyError) as problem:
        raise damaged(path, str(problem)) from None


def _accuracy(
    stage: Stage,
    measure: Accuracy,
    folder: Path,
    splits: Splits,
    finished: Finished,
    device: torch.device,
    progress: Progress,
) -> None:
    assert stage.parent is not None
    bundle = _network(stage.parent, finished)
    model = bundle.model.to(device)
    test = splits.test.to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AttackWarning)  # kept in the record, and shown in the report
        source, noise = _source(stage, finished, device), next(iter(_noises(stage, finished, device)), None)
        measured = measure(model, test.x, test.y, source=source, noise=noise, progress=progress)
    flags = io.BytesIO()
    np.save(flags, measured.flags.numpy(), allow_pickle=False)
    write_bytes(folder / FLAGS, flags.getvalue())
    if measured.x_adv is not None:
        _keep_examples(folder / EXAMPLES, model, test.x, test.y, measured, measured.x_adv)
    record = measured.record() | _removed(bundle) | {"classes": list(splits.test.classes)}
    doubts = bundle.about.get("warnings")
    record["warnings"] = [*measured.warnings, *(doubts if isinstance(doubts, list) else [])]
    record |= {"parameters": count_parameters(model)} | _provenance(stage, splits, device, measured.seconds)
    write_records(folder / RECORDS, [record])


def _pruning_curve(
    stage: Stage,
    measure: PruningCurve,
    folder: Path,
    splits: Splits,
    finished: Finished,
    device: torch.device,
    progress: Progress,
) -> None:
    assert stage.parent is not None
    model = _network(stage.parent, finished).model.to(device)
    asked = measure.looks_at
    scored_on = None if asked is None else _images(asked, stage.seed, splits, device)
    noises = _noises(stage, finished, device)
    records = measure(model, splits.test.x, splits.test.y, scored_on=scored_on, noises=noises, progress=progress)
    shared = _provenance(stage, splits, device, 0.0)
    write_records(folder / RECORDS, [record | shared for record in records])


def _detection(
    stage: Stage,
    measure: Detection,
    folder: Path,
    splits: Splits,
    finished: Finished,
    device: torch.device,
    progress: Progress,
) -> None:
    assert stage.parent is not None
    model = _network(stage.parent, finished).model.to(device)
    noises = _noises(stage, finished, device)
    records = measure(model, splits.test.x, splits.test.y, noises=noises, progress=progress)
    write_records(folder / RECORDS, [_provenance(stage, splits, device, 0.0) | record for record in records])


def _cost(stage: Stage, measure: Cost, folder: Path, splits: Splits, finished: Finished, device: torch.device) -> None:
    assert stage.parent is not None
    example = _example(splits, device)
    forms = {form: model.to(device) for form, model in _forms(stage.parent, splits, finished, example.cpu()).items()}
    removed = _removed(_network(stage.parent, finished))
    records = measure(forms, example)
    shared = removed | _provenance(stage, splits, device, 0.0)
    write_records(folder / RECORDS, [record | shared for record in records])


def _forms(network: Stage, splits: Splits, finished: Finished, example: Tensor) -> dict[str, nn.Module]:
    """The network as it would be with nothing pruned, as it is with zeros, and cut down to what is left."""
    dense = build(stage_model(network), num_classes=splits.num_classes, shape=splits.shape)
    if network.kind == "shrink" and network.parent is not None:
        masked, small = _network(network.parent, finished).model, _network(network, finished).model
        return {"dense": dense, "masked": masked, "shrunk": small}
    bundle = _network(network, finished)
    if bundle.masks is None:
        form = "shrunk" if _after("shrink", network) else "masked" if _after("decouple", network) else "dense"
        return {"dense": dense, form: bundle.model}
    forms = {"dense": dense, "masked": bundle.model}
    with contextlib.suppress(PruningError):  # a network that cannot be cut has no smaller form to time
        small = without_zeros(shrink(bundle.model, bundle.masks, example=example))
        if count_parameters(small) < count_parameters(bundle.model):
            forms["shrunk"] = small
    return forms


def _after(kind: str, stage: Stage | None) -> bool:
    while stage is not None and stage.kind != kind:
        stage = stage.parent
    return stage is not None


def stage_model(stage: Stage) -> dict[str, Any]:
    """The architecture that a chain of stages began with; a substitute begins one of its own."""
    while stage.parent is not None and stage.kind != "substitute":
        stage = stage.parent
    return stage.model


def _network(stage: Stage, finished: Finished) -> Bundle:
    """The network that a finished stage left; its recipe has already decided whose code builds it."""
    kind, folder = str(stage_model(stage).get("kind")), finished(stage)
    try:
        return load(folder / NETWORK, factory=kind if ":" in kind else None)
    except BundleError as problem:
        raise BundleError(f"{problem}; delete the folder {folder} and run again") from None


def _keep(
    folder: Path,
    model: nn.Module,
    masks: Masks | None,
    splits: Splits,
    about: dict[str, Any],
    removed: dict[str, Any] | None = None,
) -> None:
    counted = {f"sparsity_{what}": share for what, share in asdict(sparsity(model)).items()}
    kept = {name: held for name, held in (removed or {}).items() if name in counted}
    save(folder / NETWORK, model, masks=masks, about={**about, **counted, **kept}, example_shape=splits.shape)


def _removed(bundle: Bundle) -> dict[str, Any]:
    return {name: held for name, held in bundle.about.items() if "sparsity" in name}


def _keep_examples(path: Path, model: nn.Module, x: Tensor, y: Tensor, measured: Measured, x_adv: Tensor) -> None:
    """A few images for people to look at: the first of the test set, with what became of them."""
    from safetensors.torch import save

    index = measured.index[:_SHOWN].to(x.device)
    original, adversarial = to_float(x[index]), x_adv[: len(index)].to(x.device)
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


def _images(criterion: AnyCriterion, seed: int, splits: Splits, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """The images and labels that a criterion wants, drawn by the seed; or an example to run the network on."""
    asked = wanted(criterion)
    if asked is None:
        return _example(splits, device), None
    images = splits.train if asked.source == "train" else splits.test
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[: asked.images]
    drawn = images.subset(chosen).to(device)
    return to_float(drawn.x), drawn.y


def _example(splits: Splits, device: torch.device) -> Tensor:
    return to_float(splits.test.x[:2]).to(device)


def _provenance(stage: Stage, splits: Splits, device: torch.device, seconds: float) -> dict[str, Any]:
    return {
        "key": f"{stage.kind}-{stage.key}",
        "dataset": splits.name,
        "fingerprint": splits.fingerprint,
        "architecture": str(stage_model(stage).get("kind")),
        "seed": stage.seed,
        **made_with(device),
        "seconds": round(seconds, 3),
    }
