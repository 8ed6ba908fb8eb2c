"""Prune a network: score, allocate, zero. The calls that recipes and people use."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ..channels import trace
from ..errors import PruningError
from ..values import ValidationError
from .allocation import Scope, in_layers, keep_weights
from .criteria import Criterion
from .example import example_of
from .filters import filter_masks, filters_to_remove, free_scores
from .layers import magnitude_like, prunable_weights, say_left_out
from .masks import Masks
from .promise import keep_promises
from .proof import say_paths
from .pruning import BudgetUnit, Pruning

_PATHS = 64  # images that are run to see which paths a network takes


def prune(
    model: nn.Module,
    criterion: Criterion,
    *,
    sparsity: float | str,
    scope: Scope = "global",
    budget: BudgetUnit = "filters",
    floor: int = 1,
    coupled: bool = False,
    largest: bool = False,
    layers: str | Sequence[str] = (),
    also: Masks | None = None,
    x: Tensor | None = None,
    y: Tensor | None = None,
) -> Masks:
    """Zero what `criterion` scores lowest, in place, and return the masks that keep it so.

    Removing a filter zeroes its weights and bias, and the gain and shift of every norm whose input is then
    constantly zero: otherwise the norm would emit a constant in its place. A norm on a residual stream is
    zeroed where all that is added there is; so are learnt entries that are added, such as positions of tokens.

    Args:
        model: changed in place.
        criterion: scores weights or filters.
        sparsity: fraction to remove, between 0 and 1; "98%" works too.
        scope: as all options up to `layers`, explained in `Pruning`.
        budget: what the fraction counts when filters are pruned.
        floor: filters (or weights) that each layer keeps at least.
        coupled: whether filters that an addition ties together go together.
        largest: whether what scores highest goes instead, as a control of the criterion.
        layers: prune these layers only, by name or pattern.
        also: masks of other prunings of this network, from `masks_for`, whose weights go too.
        x: images, for criteria that need data; filter pruning runs the network once on the first. May be
            left out for networks of `blackthorn.models`.
        y: labels of `x`, for criteria that need them.
    Returns:
        Masks of every scored weight and, for filters, of the biases and norms that fall with them.
    Raises:
        PruningError: nothing would change, a layer would be emptied, the rate is impossible, or the network
            cannot be followed.
    Reference:
        Wang et al. 2018, sec. 3.1 (global); Li et al. 2017 (filters).
    """
    try:
        pruning = Pruning(
            criterion=criterion,  # type: ignore[arg-type]  # a person's own passes the validator
            sparsity=sparsity,  # type: ignore[arg-type]  # a rate may be text
            scope=scope,
            budget=budget,
            floor=floor,
            coupled=coupled,
            largest=largest,
            layers=(layers,) if isinstance(layers, str) else tuple(layers),
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        reason = str(problem["msg"]).removeprefix("Value error, ")
        raise PruningError(f"{problem['loc'][0]}: {reason}; got {problem['input']!r}") from None
    return prune_by(model, pruning, also=also, x=x, y=y)


def prune_by(
    model: nn.Module, pruning: Pruning, *, also: Masks | None = None, x: Tensor | None = None, y: Tensor | None = None
) -> Masks:
    """`prune`, with the options as one value: a step of a recipe, say."""
    masks = masks_for(model, pruning, x=x, y=y)
    masks = masks if also is None else masks & also
    _check_effect(model, masks, f"sparsity {pruning.sparsity:g}")
    masks.apply_(model)
    return masks


def masks_for(model: nn.Module, pruning: Pruning, *, x: Tensor | None = None, y: Tensor | None = None) -> Masks:
    """The masks that a pruning would apply, for the network as it is; it is left so.

    So two prunings can be combined that both score the unpruned network, as PARANA does: what either removes goes.

        flow = Pruning(criterion=ActivatedValue(), sparsity=0.80, scope="per_layer")
        prune(model, Magnitude(), sparsity=0.85, scope="per_layer", also=masks_for(model, flow, x=x))

    Images, labels and errors are those of `prune`.
    """
    return masks_by_scores(model, pruning, pruning.criterion(model, x, y), x=x)


def masks_by_scores(
    model: nn.Module, pruning: Pruning, scores: Mapping[str, Tensor], *, x: Tensor | None = None
) -> Masks:
    """The masks of scores that the criterion of `pruning` gave already: for many rates, say.

    `scores` are parameter name -> scores. Images and errors are those of `prune`.
    """
    chosen = {name: scores[name] for name in in_layers(scores, pruning.layers)}
    scores = {name: -layer for name, layer in chosen.items()} if pruning.largest else chosen
    if pruning.criterion.granularity == "weights":
        weights = prunable_weights(model)
        say_left_out(model, scores)
        ties = {name: magnitude_like(weights[name], layer) for name, layer in scores.items()}
        return Masks(keep_weights(scores, ties, pruning.sparsity, scope=pruning.scope, floor=pruning.floor))
    example = example_of(model, x)
    found = trace(model, example if x is None else x[:_PATHS])
    say_paths(found)
    free = keep_promises(model, found, free_scores(found, scores), example)
    return filter_masks(model, free, filters_to_remove(model, found, free, pruning), example)


def _check_effect(model: nn.Module, masks: Masks, asked: str) -> None:
    masks.check(model)
    parameters = dict(model.named_parameters())
    if masks.removed == 0:
        raise PruningError(f"{asked} removes nothing: it is less than one of what is ranked; raise it")
    if not any(bool((parameters[name][~mask.to(parameters[name].device)] != 0).any()) for name, mask in masks.items()):
        raise PruningError(f"{asked} changes nothing: the network is already at least that sparse; raise it")
