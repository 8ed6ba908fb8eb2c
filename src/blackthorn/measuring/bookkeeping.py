"""What a network has and does by the bookkeeping of the ANP-VS paper: memory, operations and units, for one image.

One run on an image finds the layers. Only units that are alive count: an output whose weights are all zero is none, and
neither is an input that no weight reads. So masked, shrunk and folded networks are counted alike.

    convolution  memory k² c_in (H' W' + c_out)       operations H' W' c_out (2 k² c_in - 1 + bias)
    linear       memory n_in n_out + bias             operations (2 n_in - 1 + bias) n_out
    norm         memory 2 for each channel            nothing
    activation   nothing                              one for each number
    pooling      nothing                              k² for each output, of max pooling only

The memory of a convolution is its patch matrix and its weights, not its bias. Units are the channels that convolutions
give and the inputs of linear layers, but not the pixels.

The habits of the authors' code for networks with norms (VGG-16) are kept apart, as counting "official": it adds the
linear layers inside its loop over the convolutions, so that each counts as often as there are convolutions; it counts
the norm of a linear layer by its inputs; and it counts an activation of the logits, which the network does not have.

Reference: Madaan et al. 2020, and the code published with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..channels.rules.call import by_name, name_of
from ..channels.rules.table import ACTIVATIONS
from ..errors import ModelError
from ..models import eval_mode
from ..results.counted import Counting

_CONVOLUTIONS = {"conv1d", "conv2d", "conv3d"}
_POOLS = {"max_pool1d": 1, "max_pool2d": 2, "max_pool3d": 3}  # axes of space


@dataclass(frozen=True)
class Books:
    """The counts of one network."""

    memory: int
    """Numbers held, by the counting of the paper."""
    operations: int
    """Additions and multiplications for one image."""
    units: int
    """Units alive."""
    weights: int
    """Weights of convolutions and linear layers that are not zero."""


def books(model: nn.Module, example: Tensor, counting: Counting = "corrected") -> Books:
    """Count a network; it is left as it was.

    Args:
        model: any network.
        example: images, (any, channels, height, width), on the model's device; the first is run.
        counting: "official" as in the authors' code, see above.
    Raises:
        ModelError: the network has no convolution and no linear layer.
    """
    with eval_mode(model), torch.no_grad(), _Ledger() as ledger:
        model(example[:1])
    if not ledger.layers:
        raise ModelError(f"{type(model).__name__} has no convolution and no linear layer to count")
    script = counting == "official" and any(layer.norm for layer in ledger.layers)
    loop = sum(layer.convolution for layer in ledger.layers) or 1
    memory, operations = 0, ledger.operations
    for layer in ledger.layers:
        again = script and not layer.convolution
        norm = 2 * layer.inputs if again and layer.norm else layer.norm
        memory += (layer.memory + norm) * (loop if again else 1)
        operations += layer.operations
    operations += ledger.layers[-1].outputs if script else 0
    units, weights = (sum(getattr(layer, what) for layer in ledger.layers) for what in ("units", "weights"))
    return Books(memory, operations, units, weights)


def numbers_per_weight(model: nn.Module) -> int:
    """How many numbers the network keeps for each weight; a module says so by `numbers_per_weight`, and most keep 1."""
    return max(int(getattr(module, "numbers_per_weight", 1)) for module in model.modules())


@dataclass
class _Layer:
    """One call of a convolution or a linear layer."""

    convolution: bool
    memory: int
    operations: int
    inputs: int
    """Channels or units that are alive."""
    outputs: int
    units: int
    weights: int
    norm: int = 0
    """Numbers of the norms after it."""


class _Origin(NamedTuple):
    """Where a tensor comes from: the last layer, and the share of its channels that are alive."""

    layer: "_Layer"
    alive: float


@dataclass
class _Ledger(TorchFunctionMode):
    """Sees every torch call of one forward pass, and writes down what it costs."""

    layers: list[_Layer] = field(default_factory=list)
    operations: int = 0
    _origins: dict[int, tuple[Tensor, _Origin]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        result = func(*args, **options)
        if isinstance(result, Tensor) and args and isinstance(args[0], Tensor):
            origin = self._origin(name_of(func), args, options, result)
            if origin is not None:
                self._origins[id(result)] = result, origin
        return result

    def _origin(self, name: str, args: tuple[Any, ...], options: Mapping[str, Any], result: Tensor) -> "_Origin | None":
        _, before = self._origins.get(id(args[0]), (None, None))
        if name in _CONVOLUTIONS or name == "linear":
            given = by_name("input weight bias", args, options)
            return self._layer(given["weight"], given["bias"], result, name in _CONVOLUTIONS, before is not None)
        if before is None:
            return None
        numbers = round(result.numel() * before.alive)
        if name in ACTIVATIONS:
            self.operations += numbers
        elif name in _POOLS:
            window = by_name("input kernel_size", args, options)["kernel_size"]
            sides = window if isinstance(window, (tuple, list)) else [window] * _POOLS[name]
            self.operations += numbers * int(torch.tensor(sides).prod())
        elif name == "batch_norm":
            before.layer.norm += 2 * before.layer.outputs
        return before

    def _layer(self, weight: Tensor, bias: Tensor | None, result: Tensor, convolution: bool, hidden: bool) -> _Origin:
        """Count one call of a layer; `hidden` says whether it reads units and not pixels."""
        rows = weight.detach().flatten(2) if weight.dim() > 2 else weight.detach()[..., None]
        alive = rows.count_nonzero(2) > 0
        outputs, inputs = int(alive.any(1).sum()), int(alive.any(0).sum())
        window, places = rows.shape[2], result[0].numel() // len(weight)
        held = window * inputs * (places + outputs) if convolution else inputs * outputs
        made = _Layer(
            convolution,
            memory=held + (outputs if bias is not None and not convolution else 0),
            operations=places * outputs * (2 * window * inputs - 1 + (bias is not None)),
            inputs=inputs,
            outputs=outputs,
            units=outputs if convolution else inputs if hidden else 0,
            weights=int(weight.count_nonzero()),
        )
        self.layers.append(made)
        return _Origin(made, outputs / len(weight))
