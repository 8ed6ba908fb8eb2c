"""Stages that make something: networks from networks, substitutes and noises."""

import warnings
from functools import reduce
from operator import and_

import torch
from torch import nn

from ..attacks import AttackWarning, UniversalNoise
from ..deploy import Bundle, decouple, without_zeros
from ..errors import PruningError
from ..measuring import parameters
from ..models import build
from ..pruning import Hold, Masks, masks_for, prune_by, shrink
from ..recipes.schema import Decouple, Prune, Shrink, Train
from ..running.store import write_bytes, write_records
from ..training import Substitute, fit
from .files import HISTORY, NOISE
from .work import Work, after, trainings_before

_CHECKPOINT = "checkpoint.pt"


def train_step(work: Work, step: Train) -> None:
    """Train, from fresh weights or from those of the step before, going on from a checkpoint that is there."""
    stage, splits = work.stage, work.splits
    if stage.parent is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stage.seed)
            model = build(stage.model, num_classes=splits.num_classes, shape=splits.shape)
        bundle = Bundle(model.to(work.device), None, {})
    else:
        bundle = work.parent()
    history = fit(
        bundle.model,
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
        checkpoint=work.folder / _CHECKPOINT,
        progress=work.progress,
    )
    write_records(work.folder / HISTORY, [dict(epoch) for epoch in history])
    removed = bundle.about if after("shrink", stage) else None
    work.keep(bundle.model, bundle.masks, bundle.about, removed)
    (work.folder / _CHECKPOINT).unlink(missing_ok=True)


def prune_step(work: Work, step: Prune) -> None:
    """Prune by all of the step's criteria, each of which scores the network as it was."""
    bundle = work.parent()
    model = bundle.model
    with warnings.catch_warnings(record=True) as doubts:  # shown in the report with every number of this network
        warnings.simplefilter("always")
        also: list[Masks] = []
        for one in step.also:
            x, y = work.images(one.criterion)
            also.append(masks_for(model, one, x=x, y=y))
        x, y = work.images(step.criterion)
        masks = prune_by(model, step, also=reduce(and_, also) if also else None, x=x, y=y)
    if bundle.masks is not None:
        masks = masks & bundle.masks
    about = {"requested_sparsity": step.sparsity, "warnings": [str(doubt.message) for doubt in doubts]}
    work.keep(model, masks, about)


def shrink_step(work: Work, step: Shrink) -> None:
    """Cut out what was pruned.

    Raises:
        PruningError: nothing can be cut out.
    """
    bundle = work.parent()
    small = without_zeros(shrink(bundle.model, bundle.masks, example=work.example()))
    if parameters(small) == parameters(bundle.model):
        raise PruningError("there is no channel to cut out; prune filters first (criterion: {kind: filter_norm})")
    # A shrunk network has no zeros left to count; what was removed is what its parent says.
    work.keep(small, None, bundle.about, removed=bundle.about)


def decouple_step(work: Work, step: Decouple) -> None:
    """Unroll convolutions; what was pruned before stays so."""
    bundle = work.parent()
    model = decouple(bundle.model, work.example(), layers=step.layers)
    masks = None if bundle.masks is None else _of_connections(bundle.masks, model)
    work.keep(model, masks, bundle.about, removed=bundle.about if after("shrink", work.stage) else None)


def substitute_step(work: Work, step: Substitute) -> None:
    """Train a substitute on the answers of the network."""
    oracle, test = work.parent().model, work.splits.test.to(work.device)
    classes = work.splits.num_classes
    made = step(oracle, test.x, test.y, num_classes=classes, seed=work.stage.seed, progress=work.progress)
    write_records(work.folder / HISTORY, [dict(epoch) for epoch in made.history])
    work.keep(made.model, None, {"holdout": made.holdout, "queries": made.queries, "agreement": made.agreement})


def noise_step(work: Work, attack: UniversalNoise) -> None:
    """Make a noise for the network, from training images."""
    from safetensors.torch import save

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AttackWarning)  # said again in the records of what adds it
        made = attack(work.parent().model, work.splits.train.x, seed=work.stage.seed, progress=work.progress)
    write_bytes(work.folder / NOISE, save({"noise": made.cpu().contiguous()}))


def _of_connections(masks: Masks, model: nn.Module) -> Masks:
    """Masks of a network that was decoupled since: the connections that a removed weight became are removed."""
    weights = {name: model.get_parameter(name).detach() for name in masks}
    unrolled = {name: weight != 0 for name, weight in weights.items() if weight.shape != masks[name].shape}
    return Masks({**masks, **unrolled})
