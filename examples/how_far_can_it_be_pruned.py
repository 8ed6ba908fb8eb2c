"""How far can a network be pruned, and what does a noise that was made for it do on the way? Nothing is trained again.

python examples/how_far_can_it_be_pruned.py
"""

import blackthorn as bt


def main() -> None:
    """Prune a small network at every rate, clean and under a universal noise that was made before and after."""
    splits = bt.load_data("digits", valid=0.2)
    x, y = splits.test.x, splits.test.y
    model = bt.models.mlp(image_size=8, hidden=[128, 64])
    bt.fit(model, splits.train, bt.objectives.LinearQuadratic(), epochs=15)

    criterion = bt.pruning.ActivatedValue()
    seen = bt.data.pixels(splits.train.x)
    natural = bt.measuring.Accuracy()(model, splits.valid.x, splits.valid.y).value
    # Chosen on validation images: on test images the rate would be too good for them.
    found = bt.measuring.highest_rate(
        model, criterion, splits.valid.x, splits.valid.y, accuracy=natural - 0.02, scored_on=(seen, None)
    )
    print(f"{found.rate:.0%} of the weights of each layer can go while it keeps {natural - 0.02:.1%}")

    attack = bt.attacks.UniversalNoise(target=3, limit=0.25, preset="hvass")
    kept = attack(model, splits.train.x)
    curve = bt.measuring.PruningCurve(criterion=criterion, step=0.1, last=0.9, noises=(attack,))
    records = curve(model, x, y, scored_on=(seen, None), noises=[kept])
    for name in (None, "3, 0.25"):
        shown = " ".join(f"{100 * one.value:5.1f}" for one in records if one.noise == name)
        print(f"accuracy in percent from 0 to 90 %, {f'noise {name}' if name else 'untouched'}: {shown}")

    bt.pruning.prune(model, criterion, sparsity=found.rate, scope="per_layer", x=seen)
    withstand = bt.measuring.Accuracy(attack=attack)
    for made, noise in (("before", kept), ("after", attack(model, splits.train.x))):
        print(f"pruned, {withstand(model, x, y, noise=noise).value:.1%} withstand the noise made {made} pruning")


if __name__ == "__main__":
    main()
