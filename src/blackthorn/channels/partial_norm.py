"""LayerNorm over channels some of which were cut out: they were zero, and still count."""

import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function_unary


class PartialLayerNorm(nn.LayerNorm):
    """What `nn.LayerNorm` over `whole` channels gives for those that are left, where all others are zero.

    The mean and the variance are those of all channels, so that a network computes the same after zeros were cut out
    of its residual stream. `resize_` puts it in the place of an `nn.LayerNorm`.
    """

    whole: int
    """How many channels there were."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., channels left) -> the same shape."""
        return partial_layer_norm(input, self.whole, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """As `nn.LayerNorm`, with how many channels there were."""
        return f"{super().extra_repr()}, whole={self.whole}"


def partial_layer_norm(x: Tensor, whole: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, over the last axis and `whole - x.shape[-1]` zeros more."""
    if has_torch_function_unary(x):
        return handle_torch_function(partial_layer_norm, (x,), x, whole, weight, bias, eps)
    absent = whole - x.shape[-1]
    mean = x.sum(-1, keepdim=True) / whole
    apart = x - mean
    var = (apart.square().sum(-1, keepdim=True) + absent * mean.square()) / whole
    normal = apart * torch.rsqrt(var + eps)
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


def cut_norm(norm: nn.LayerNorm) -> None:
    """Tell a LayerNorm that its gain and shift are those of fewer channels now."""
    if not isinstance(norm, PartialLayerNorm):
        whole = norm.normalized_shape[0]
        norm.__class__ = PartialLayerNorm
        norm.whole = whole  # type: ignore[assignment]  # by its new class
    norm.normalized_shape = (norm.weight.shape[0],)


def layer_norm_gains(model: nn.Module) -> set[int]:
    """The ids of the gains of norms over the last axis that `cut_norm` can cut."""
    kinds = (nn.LayerNorm, PartialLayerNorm)
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm) and type(module) in kinds]
    return {id(one.weight) for one in norms if len(one.normalized_shape) == 1 and one.weight is not None}
