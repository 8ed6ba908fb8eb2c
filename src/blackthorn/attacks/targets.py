"""Which class is easiest to reach from an image, to first order."""

import torch
from torch import Tensor

from .ball import Norm, unit_scale
from .gradients import Forward

RIVALS = 9  # as many as AutoAttack's targeted attacks try (Croce and Hein 2020); all of them with ten classes


def classes_by_distance(forward: Forward, x: Tensor, y: Tensor, norm: Norm, rivals: int = RIVALS) -> Tensor:
    """Rival classes of each image, nearest decision boundary first, int64 (batch, min(rivals, classes - 1)).

    The distance to the boundary with class k is (z_y - z_k) / ||grad z_k - grad z_y||_q, q dual to the norm (1 for
    linf), which is exact on linear networks. Costs one backward pass for each rival; rivals are the highest other
    logits.

    Reference: Moosavi-Dezfooli et al. 2016, "DeepFool", eq. 8.
    """
    leaf = x.detach().requires_grad_()
    logits = forward(leaf).float()
    compiled = False
    others = logits.detach().scatter(1, y[:, None], -torch.inf).topk(min(rivals, logits.shape[1] - 1)).indices
    own = logits.gather(1, y[:, None]).squeeze(1)
    distances = []
    for rival in others.T:
        gap = own - logits.gather(1, rival[:, None]).squeeze(1)
        try:
            (slope,) = torch.autograd.grad(gap.sum(), leaf, retain_graph=not compiled)
        except RuntimeError as error:  # a compiled network gives one gradient for each pass
            if "donated" not in str(error):
                raise
            compiled = True
            (slope,) = torch.autograd.grad(gap.sum(), leaf)
        if compiled:
            logits = forward(leaf).float()
            own = logits.gather(1, y[:, None]).squeeze(1)
        scale = unit_scale(slope)
        slope = slope.flatten(1) * scale[:, None]
        dual = slope.abs().sum(1) if norm == "linf" else slope.norm(dim=1)
        distances.append(gap.detach() * scale / dual.clamp_min(1e-12))
    nearest_first = torch.stack(distances, 1).argsort(dim=1, stable=True)
    return others.gather(1, nearest_first)
