"""From a network to the list of its steps, by torch.fx in eval mode; what has no bounds is refused by name.

Every call that reads what depends on the images must have a rule. Two guards stand behind that: control flow that looks
at values cannot be traced at all, and `followed` runs the network on two images and holds its answers against those of
the steps.
"""

from typing import Any

import torch
from torch import Tensor, fx, nn

from ..channels.rules.call import name_of
from ..errors import ModelError
from ..models import eval_mode
from .boxes import around
from .call import Call
from .operation import Network, Step
from .propagate import propagate
from .rounding import EXACT
from .rules import FUNCTIONS, module_rule

_ALIKE = 8  # times the root of the floats' spacing: far above rounding (TF32 included), far below another function
_FORMS = {"size", "dim", "ndimension", "numel", "len"}
_ATTRIBUTES = {"shape", "ndim", "dtype", "device"}  # what says nothing about values


def follow(model: nn.Module, example: Tensor, dtype: torch.dtype) -> Network:
    """The steps of a network in eval mode, with weights as they are now, in `dtype`; gradients flow to the weights.

    Args:
        model: any network that torch.fx can trace; left as it was.
        example: images to run it on, float in [0, 1], (2 or more, ...).
        dtype: of the bounds.

    Raises:
        ModelError: it cannot be traced, or does something that has no bounds.
    """
    if model._forward_hooks or model._forward_pre_hooks:
        raise ModelError(f"bounds: {type(model).__name__} has hooks, which may change what it computes; remove them")
    with eval_mode(model):
        try:
            graph = fx.Tracer().trace(model)
        except Exception as error:  # whatever the network's own code raises when it meets symbols
            said = " ".join(str(error).split())[:160]
            raise ModelError(f"bounds: torch.fx cannot trace {type(model).__name__}: {said}") from error
        recorder = _Recorder(fx.GraphModule(model, graph), dtype)
        recorder.run(example)
    return recorder.network(tuple(example.shape[1:]))


def followed(model: nn.Module, example: Tensor, dtype: torch.dtype) -> Network:
    """`follow`, and the network's answers to `example` held against the steps.

    Raises:
        ModelError: as `follow`; or the steps answer otherwise than the network.
    """
    example = torch.cat([example, example])[:2]
    weight = next((tensor for tensor in model.parameters() if tensor.is_floating_point()), example)
    example = example.to(weight.device, weight.dtype)
    with torch.no_grad():
        network = follow(model, example, dtype)
        logits = _said(model, example)
        if logits.dim() != 2:
            given = tuple(logits.shape)
            raise ModelError(f"bounds: {type(model).__name__} gives outputs of shape {given}, not (batch, classes)")
        exact = network if dtype == torch.float64 else follow(model, example, torch.float64)
        point = propagate(exact, around(example.double(), 0.0, "linf", EXACT), EXACT)[exact.output].centre
    off = (logits.double() - point).abs().max().item()
    if not off <= _ALIKE * torch.finfo(logits.dtype).eps ** 0.5 * max(1e-30, point.abs().max().item()):
        raise ModelError(
            f"bounds: {type(model).__name__} answers otherwise than its traced steps; what it does by hooks, in place "
            "or with the batch cannot be followed"
        )
    return network


def _said(model: nn.Module, x: Tensor) -> Tensor:
    """The network's answers in float64, where rounding cannot pass for another function; else as it runs."""
    weights = {name: tensor.double() for name, tensor in _floats(model)}
    with eval_mode(model), torch.autocast(x.device.type, enabled=False):
        try:
            logits: Tensor = torch.func.functional_call(model, weights, (x.double(),))
        except RuntimeError:  # a network that names its types
            logits = model(x)
    return logits


def _floats(model: nn.Module) -> list[tuple[str, Tensor]]:
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return [(name, tensor) for name, tensor in tensors if tensor.is_floating_point()]


class _Recorder(fx.Interpreter):
    """Runs a traced network on example images and notes a step for every call that depends on them."""

    def __init__(self, module: fx.GraphModule, dtype: torch.dtype) -> None:
        super().__init__(module)
        self.extra_traceback = False  # a refusal is one line
        self.dtype = dtype
        self.places: dict[fx.Node, int] = {}
        self.steps: list[Step] = []
        self.end: int | None = None

    def run_node(self, n: fx.Node) -> Any:
        """Run one call and note what it is."""
        if n.op == "placeholder":
            if 0 in self.places.values():
                raise ModelError("bounds: the network takes more than images; its forward must take one tensor")
            self.places[n] = 0
            return super().run_node(n)
        reads = [node for node in n.all_input_nodes if node in self.places]
        if not reads:
            return super().run_node(n)
        args, options = self.fetch_args_kwargs_from_env(n)
        if n.op == "output":
            last = n.args[0]
            if not isinstance(last, fx.Node):
                raise ModelError("bounds: the network gives more than one tensor; its forward must return the logits")
            self.end = self.places.get(last)
            return super().run_node(n)
        target: Any = n.target
        name = name_of(getattr(Tensor, target, target) if n.op == "call_method" else target)
        if name in _FORMS or (name == "getattr" and args[1] in _ATTRIBUTES):
            return super().run_node(n)
        before = [arg.clone() if isinstance(arg, Tensor) else arg for arg in args]
        result = super().run_node(n)
        places = [self.places.get(arg) if isinstance(arg, fx.Node) else None for arg in n.args]
        call = Call(name, before, options, places, result)
        rule = FUNCTIONS.get(name)
        if n.op == "call_module":
            call.module = self.fetch_attr(str(n.target))
            call.name = f"{type(call.module).__name__} ('{n.target}')"
            rule = module_rule(call)
        if rule is None or not isinstance(result, Tensor):
            raise call.refuse()
        if not set(reads) <= {arg for arg in n.args if isinstance(arg, fx.Node)}:
            raise call.refuse("reads its tensors by keyword or in a list, which is not followed")
        if result.shape[:1] != next(arg.shape[:1] for arg, place in zip(before, places) if place is not None):
            raise call.refuse("changes the first axis, that of the images")
        rule(call, self.dtype)
        self._note(n, call)
        return result

    def network(self, image: tuple[int, ...]) -> Network:
        """What was noted."""
        if self.end is None:
            raise ModelError("bounds: the logits do not depend on the images")
        return Network(image, tuple(self.steps), self.end)

    def _note(self, n: fx.Node, call: Call) -> None:
        place = next((place for place in call.places if place is not None), 0)
        for operation, inputs, shape in call.steps:
            read = tuple(place if one == -1 else one for one in inputs)
            self.steps.append(Step(operation, read, shape))
            place = len(self.steps)
        self.places[n] = place
        changed = n.args[0] if n.args else None
        if isinstance(changed, fx.Node) and changed in self.places and _in_place(n, call.module):
            self.places[changed] = place


def _in_place(n: fx.Node, module: nn.Module | None) -> bool:
    """Whether a call changes the tensor that it reads."""
    if module is not None:
        return bool(getattr(module, "inplace", False))
    name = n.target if isinstance(n.target, str) else str(getattr(n.target, "__name__", ""))
    augmented = getattr(n.target, "__module__", "") == "_operator" and name.startswith("i")
    return bool(n.kwargs.get("inplace", False)) or augmented or (name.endswith("_") and not name.endswith("__"))
