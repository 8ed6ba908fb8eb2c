"""RFP: the filters that a loss on adversarial images depends on most are removed first."""

import warnings
from typing import ClassVar, Literal

from torch import Tensor, nn

from ...attacks import PGD, AnyAttack, craft
from ...data import check_labels, of_each_class
from ...errors import PruningError
from ...values import Count, value
from ..layers import filter_axes
from .criterion import Criterion, Granularity, Wanted
from .filter_gradients import Gradient, filter_gradients
from .filters import scored_filters


@value
class RFP(Criterion):
    """Score each filter by minus the norm of its gradient on adversarial images; rank them `per_layer`.

    Images are attacked, the cross-entropy of the attacked images is differentiated in eval mode, and filters with the
    largest gradients are held to carry features that are not robust, and go first. Every image is attacked, also one
    that the network gets wrong, and every search goes to its end.

    The paper's eq. 3 sums, over the filters of a layer, norms of a gradient by the adversarial image, which does not
    depend on the filter. Its text says "the gradients of filters" and that their weights would change abruptly in
    adversarial training. `gradient` has three readings:

    - `mean`, the default: of the mean loss by the filter's weights. That is the step which adversarial training would
      take, as the text argues, and the cheapest.
    - `each_image`: of each image's loss by the filter's weights, norms summed over images. It is nearest to the sum in
      eq. 3; gradients of different images no longer cancel. Not there for transposed convolutions.
    - `output`: of the mean loss by the filter's output maps, over all images and positions.

    Departs: the paper names neither steps nor step size, nor where the images are drawn from; 20 steps of 2.5 eps / 20
    are usual for this radius, and images are training images.

    Reference: Lim et al. 2021, Robustness-aware Filter Pruning, eq. 3, algorithm 1 and sec. 4.1 (100 images of each
    class, l2 PGD of eps 0.3).
    """

    granularity: ClassVar[Granularity] = "filters"
    kind: Literal["rfp"] = "rfp"
    norm: Literal["l1", "l2"] = "l2"
    """Of a filter's gradient."""
    gradient: Gradient = "mean"
    """What is differentiated by what: mean, each_image or output."""
    attack: AnyAttack = PGD(norm="l2", eps=0.3, steps=20)
    """What the images are attacked with."""
    per_class: Count = 100
    """How many images of each class are used, of those given: the first. A recipe draws as many by the seed."""
    source: Literal["train", "test"] = "train"
    """Where a recipe takes them from."""
    include_linear: bool = False
    """Rank the units of hidden linear layers too (a row of the weight is one unit's filter)."""

    def __post_init__(self) -> None:
        if self.attack.targeted:
            raise ValueError("rfp wants an attack that leaves the true label: remove targeted: true")

    @property
    def revision(self) -> int:
        """That of the attack."""
        return self.attack.revision

    @property
    def wants(self) -> Wanted:
        """As many images of each class as it uses."""
        return Wanted(self.per_class, self.source, each_class=True)

    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]:
        """Weight name -> scores of shape (filters,), none above 0; larger is kept.

        Args:
            model: left as it was.
            x: images, float32 in [0, 1] or uint8, (n, channels, height, width).
            y: their labels, int64 (n,).
        Raises:
            PruningError: no images or labels, or no layer with filters that has a part in the loss.
            AttackError: the images are not in [0, 1], or labels do not fit.
        """
        if x is None or y is None or not len(x):
            raise PruningError("rfp needs images and their labels, to attack them; pass x= and y=")
        check_labels(x, y)
        weights = scored_filters(model, x, linear=self.include_linear)
        chosen = of_each_class(y, self.per_class)
        x, y = x[chosen.to(x.device)], y[chosen].to(x.device)
        crafted = craft(self.attack, model, x, y, precision="float32", judge=model)  # judged apart, none leaves early
        order = 1 if self.norm == "l1" else 2
        norms = filter_gradients(
            model, weights, filter_axes(model), crafted.x_adv, y, gradient=self.gradient, order=order
        )
        unseen = ", ".join(f"'{name.rpartition('.')[0]}'" for name in weights if name not in norms)
        reason = "never called as a module, or without a part in the loss"
        if unseen and not norms:
            raise PruningError(f"no filter has a gradient to score: {unseen} {reason}")
        if unseen:
            warnings.warn(f"left whole and out of the ranking: {unseen}, {reason}", stacklevel=2)
        return {name: -norms[name] for name in weights if name in norms}
