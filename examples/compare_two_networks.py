"""Did pruning make a network easier to fool? A paired test on the same images, instead of two intervals.

python examples/compare_two_networks.py
"""

import copy

import torch

import blackthorn as bt


def main() -> None:
    """Prune one network at two rates and compare both with what they came from."""
    torch.manual_seed(0)
    splits = bt.load_data("digits", resize=16)
    objective = bt.objectives.CrossEntropy()
    dense = bt.models.lenet5_caffe(splits.num_classes, image_size=16)
    bt.fit(dense, splits.train, objective, epochs=6)

    attacked = bt.measuring.Accuracy(attack=bt.attacks.PGD(eps=0.1, steps=20, loss="margin"))
    before = attacked(dense, splits.test.x, splits.test.y)
    print(f"dense: {before.value:.1%} [{before.low:.1%}, {before.high:.1%}] withstand PGD")

    for rate in (0.5, 0.9):
        pruned = copy.deepcopy(dense)
        masks = bt.pruning.prune(pruned, bt.pruning.Magnitude(), sparsity=rate, scope="per_layer")
        # Fine-tuning is part of what is compared: pruned networks have seen two more epochs than the dense one.
        bt.fit(pruned, splits.train, objective, epochs=2, constraints=[bt.pruning.Hold(masks)])
        after = attacked(pruned, splits.test.x, splits.test.y)
        # Most images are right for both or wrong for both; only the others say anything about the difference.
        test = bt.measuring.compare(after.flags, before.flags)
        print(f"{rate:.0%} of weights gone: {after.value:.1%} [{after.low:.1%}, {after.high:.1%}]")
        print(
            f"  difference {100 * test.difference:+.1f} points [{100 * test.low:+.1f}, {100 * test.high:+.1f}]",
            end=", ",
        )
        print(f"p = {test.p_value:.2g}; right only pruned {test.only_a}, right only dense {test.only_b} of {test.n}")
    doubts = bt.measuring.sanity(dense, splits.test.x, splits.test.y, bt.attacks.PGD(eps=0.1), n_max=50)
    print("\n".join(doubts) or "no reason found to distrust the attack")


if __name__ == "__main__":
    main()
