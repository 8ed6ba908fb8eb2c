"""A network of your own: is it as hard to fool after half of its filters are gone?

    python examples/own_network.py

The same network in a recipe, from the folder of this file:

    blackthorn run quickstart --model own_network:two_paths
"""

import torch
from torch import Tensor, nn

import blackthorn as bt


class TwoPaths(nn.Module):
    """A residual block between two convolutions: nothing in it knows of Blackthorn."""

    def __init__(self, num_classes: int, in_channels: int, width: int = 24) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, stride=2, padding=1)
        self.inner = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width * 16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes) of images (batch, channels, height, width) in [0, 1]."""
        x = self.stem(x).relu()
        x = self.norm(x + self.inner(x)).relu()
        return self.head(nn.functional.adaptive_avg_pool2d(x, 4).flatten(1))


def two_paths(num_classes: int, in_channels: int) -> nn.Module:
    """What `package.module:factory` names: called with the sizes that it accepts."""
    return TwoPaths(num_classes, in_channels)


def main() -> None:
    """Train, prune, fine-tune, shrink, attack."""
    torch.manual_seed(0)
    splits = bt.load_data("digits")
    model = two_paths(splits.num_classes, in_channels=1)
    objective = bt.objectives.CrossEntropy()
    bt.fit(model, splits.train, objective, epochs=6, optimizer=bt.training.Adam(lr=3e-3))

    x, y = bt.data.pixels(splits.test.x), splits.test.y
    for group in bt.pruning.channel_groups(model, x[:1]):
        print(f"{group.name}: {group.channels} channels, " + ("can go" if group.prunable else f"stay: {group.reason}"))

    attacked = bt.measuring.Accuracy(attack=bt.attacks.PGD(eps=0.1, steps=20, loss="margin"))
    natural = bt.measuring.Accuracy()
    print(f"dense:  {natural(model, x, y).value:.1%} natural, {attacked(model, x, y).value:.1%} under PGD")

    # coupled=True ranks the channels that an addition ties together as one, so that they can be cut out.
    masks = bt.pruning.prune(model, bt.pruning.FilterNorm(), sparsity=0.5, scope="per_layer", coupled=True, x=x[:1])
    bt.fit(model, splits.train, objective, epochs=3, constraints=[bt.pruning.Hold(masks)])
    small = bt.pruning.shrink(model, masks, example=x[:1])
    print(f"pruned: {natural(small, x, y).value:.1%} natural, {attacked(small, x, y).value:.1%} under PGD")
    sizes = [bt.measuring.parameters(network) for network in (model, small)]
    print(f"{sizes[0]:,} parameters became {sizes[1]:,}")


if __name__ == "__main__":
    main()
