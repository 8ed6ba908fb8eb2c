"""Follow channels through any network: run it once, and note which axis of which tensor carries which channels.

Every channel that a layer makes gets a number. Operations pass the numbers on (relu, pooling), repeat them (flatten),
join them (cat) or declare them one and the same (an addition couples its two sides). The result says, for each axis of
each parameter, which channel numbers index it: enough to mask, to shrink and to count.

Along with its numbers a tensor carries, per channel, the constant that it is known to hold, or nan: a zeroed filter
holds 0, and sigmoid makes that 0.5. Channels that reach an unknown operation are pinned: they can be neither pruned nor
removed, and `Trace.reasons` says why.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..data import pixels
from ..errors import PruningError
from ..files import one_line
from ..models import eval_mode
from ..models.outputs import dtype_of
from .graph import ChannelGraph, Use
from .tracer import Path, Tracer, tensors_in

OUTPUT = "makes the output of the network"
UNREAD = "is read by nothing that is seen (torch.jit.script and vmap hide what they read)"
_MOST = 64  # images of the example that are run to see which path they take
Steps = list[tuple[str, ...]]


@dataclass(frozen=True)
class Trace:
    """What one run of a network tells about its channels. Numbers in `axes` and `uses` index `root`."""

    axes: Mapping[str, Mapping[int, Tensor]]
    """Parameter or buffer name -> axis -> channel number of each index."""
    uses: Sequence[Use]
    """Convolutions and linear layers that make channels of their own, in the order they run."""
    followers: Mapping[str, Tensor]
    """Module of a norm or depthwise convolution -> the channels that it works on, one by one."""
    idle: Mapping[str, tuple[int, Tensor]]
    """Parameter that works on channels one by one -> their axis; bool (C,): it is given nothing but zeros there."""
    sums: Sequence[tuple[Tensor, Tensor]]
    """Channels that are added up with others, and the constants that they hold: only zeros may go."""
    scaled: Sequence[Tensor]
    """Queries (heads, C) of an attention that divides by the square root of C."""
    stuck: Mapping[str, str]
    """Parameter that is used in a way that cannot be followed -> how."""
    root: Tensor
    """Channel number -> representative of all channels that must stay or go together."""
    reasons: Mapping[int, str]
    """Representative -> why it can neither be pruned nor removed; the absent can."""
    output: tuple[str, ...] = ()
    """Weights of the layers that make the logits."""
    paths: tuple[str, ...] = ()
    """Kinds of images on which the network takes another path than on the example; these were followed too."""

    def free(self, ids: Tensor) -> Tensor:
        """Whether each of these channels may go: bool, of the shape of `ids`."""
        pinned = torch.zeros(len(self.root), dtype=torch.bool)
        pinned[list(self.reasons)] = True
        return ~pinned[self.root[ids]]

    def reason(self, ids: Tensor) -> str | None:
        """Why some of these channels are pinned, or None."""
        found = (self.reasons[r] for r in self.root[ids].tolist() if r in self.reasons)
        return next(found, None)


def trace(model: nn.Module, example: Tensor, *, bury: bool = False) -> Trace:
    """Run the network on `example` in eval mode and follow its channels; the network is left as it was.

    The network also runs on the whole example, on black, white and random images and in training mode. Where it takes
    another path there, that one is followed too, and `Trace.paths` names it.

    Args:
        model: any network.
        example: one image or more, (batch, channels, height, width).
        bury: take norms and depthwise filters whose input is constantly zero to give zero, which is
            what masking them will make true; without it they give the constant that they give.
    Raises:
        PruningError: the network cannot run on the example, or is lazy and never ran.
    """
    example = as_images(model, example)
    batch = two_of(model, example)
    graph = ChannelGraph(model, bury=bury)
    _follow(graph, model, batch)
    output = _makes_output(graph, model)
    paths: list[str] = []
    known = [_path(model, batch)]
    for what, images in other_images(example):
        try:
            steps = _path(model, images)
        except PruningError:
            continue  # what does not run on such images is not followed there
        if steps not in known:
            known.append(steps)
            paths.append(what)
            _follow(graph, model, images)
    _follow_training(graph, model, batch, known[0])
    return _settled(graph, output, tuple(paths))


def other_images(example: Tensor) -> list[tuple[str, Tensor]]:
    """Kinds of images on which a network may take another path than on the first of the example."""
    chance = torch.Generator().manual_seed(0)
    drawn = torch.rand(2, *example.shape[1:], generator=chance).to(example)
    return [
        ("the whole example", example[:_MOST]),
        ("black images", torch.zeros_like(drawn)),
        ("white images", torch.ones_like(drawn)),
        ("random images", drawn),
    ]


def as_images(model: nn.Module, example: object) -> Tensor:
    """An example as the network takes it: bytes as pixels in [0, 1], in the floating type of the weights.

    Raises:
        PruningError: the example is no batch of images, or the network is lazy and never ran.
    """
    if not isinstance(example, Tensor) or example.dim() < 2 or not len(example):
        read = f"shape {tuple(example.shape)}" if isinstance(example, Tensor) else type(example).__name__
        raise PruningError(f"example must be a batch of images such as x[:1], got {read}")
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise PruningError(f"'{name}' is lazy and has no shape yet; run the network on images first")
    return (example if example.is_floating_point() else pixels(example)).to(dtype_of(model))


def two_of(model: nn.Module, example: object) -> Tensor:
    """The first image twice, as the network takes it: a batch of one would hide which axis is the batch.

    Raises:
        PruningError: the example is no batch of images.
    """
    return as_images(model, example)[:1].repeat_interleave(2, 0)


def run_once(
    model: nn.Module, batch: Tensor, watching: torch.overrides.TorchFunctionMode, *, training: bool = False
) -> object:
    """What the network gives for a batch while its torch calls are watched; the network is left as it was.

    Raises:
        PruningError: the network cannot run on the batch.
    """
    devices = [batch.device] if batch.is_cuda else []
    with torch.random.fork_rng(devices), eval_mode(model), torch.no_grad():
        try:
            if training:
                model.train()
            with watching:
                return model(batch)
        except Exception as error:  # whatever a person's forward raises
            line = one_line(error) or "without a message"
            raise PruningError(
                f"the network cannot run on an example of shape {tuple(batch.shape)}: {type(error).__name__}: {line}"
            ) from error


def _follow(graph: ChannelGraph, model: nn.Module, images: Tensor, *, training: bool = False) -> None:
    graph.earlier = len(graph.uses)
    logits = run_once(model, images, Tracer(graph, images), training=training)
    for tensor in tensors_in(logits):
        if (flow := graph.spread(tensor)) is not None:
            graph.pin(flow.ids, OUTPUT)
            graph.outputs.append(flow.ids.flatten())


def _follow_training(graph: ChannelGraph, model: nn.Module, batch: Tensor, known: Steps) -> None:
    """Heads that only training uses belong to the network too; one that does not run there is left at that."""
    with _same_buffers(model):
        try:
            if _path(model, batch, training=True) != known:
                graph.training = True
                _follow(graph, model, batch, training=True)
        except PruningError:
            pass
        graph.training = False


def _path(model: nn.Module, images: Tensor, *, training: bool = False) -> Steps:
    path = Path(model)
    run_once(model, images, path, training=training)
    return path.steps


@contextmanager
def _same_buffers(model: nn.Module) -> Iterator[None]:
    """After: buffers hold what they held, such as the statistics of norms that a run in training mode moves."""
    held = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, before in held:
                setattr(module, name, buffer)
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


def _makes_output(graph: ChannelGraph, model: nn.Module) -> tuple[str, ...]:
    """Weights of the layers that make the logits; where these cannot be followed, the weight that is used last."""
    made = tuple(
        dict.fromkeys(use.weight for use in graph.uses if any(torch.isin(use.out, ids).any() for ids in graph.outputs))
    )
    weights = {name for name, one in model.named_parameters() if name.endswith("weight") or one.dim() > 1}
    return made or tuple(name for name in reversed(graph.called) if name in weights)[:1]


def _settled(graph: ChannelGraph, output: tuple[str, ...], paths: tuple[str, ...]) -> Trace:
    """Number what must stay or go together, and say what must stay."""
    pins = list(graph.pins)
    for name, reason in graph.stuck.items():
        pins += [(ids, reason) for ids in graph.axes.get(name, {}).values()]
    root = _representatives(graph.count, graph.pairs)
    if graph.uses:
        made = torch.cat([root[use.out] for use in graph.uses])
        added = [ids for ids, _ in graph.sums]
        read = torch.cat([root[ids] for ids in [*(use.into for use in graph.uses), *added, *graph.outputs]])
        pins.append((made[~torch.isin(made, read)], UNREAD))
    reasons: dict[int, str] = {}
    for ids, reason in pins:
        for r in set(root[ids].tolist()):
            reasons.setdefault(r, reason)
    return Trace(
        axes=graph.axes,
        uses=graph.uses,
        followers=graph.followers,
        idle=graph.idle,
        sums=graph.sums,
        scaled=graph.scaled,
        stuck=graph.stuck,
        root=root,
        reasons=reasons,
        output=output,
        paths=paths,
    )


def _representatives(count: int, pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """The least number of each connected set: labels fall along the pairs, and jump to their label's label."""
    root = torch.arange(count)
    if not pairs:
        return root
    one, other = torch.cat([p[0] for p in pairs]), torch.cat([p[1] for p in pairs])
    ends = torch.cat([one, other])
    while True:
        least = torch.minimum(root[one], root[other]).repeat(2)
        lower = root.scatter_reduce(0, ends, least, "amin")
        lower = lower[lower]
        if torch.equal(lower, root):
            return root
        root = lower
