"""How hard is it to fool something that only answers? A substitute learns its answers, and is attacked in its place.

python examples/black_box.py
"""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

import blackthorn as bt


def main() -> None:
    """Attack a random forest, which has no gradients, through the labels that it gives."""
    splits = bt.load_data("digits")
    train, test = (bt.data.pixels(part.x).numpy() for part in (splits.train, splits.test))
    forest = RandomForestClassifier(random_state=0).fit(train.reshape(len(train), -1), splits.train.y.numpy())

    def predict(images: np.ndarray) -> np.ndarray:
        return forest.predict(images.reshape(len(images), -1))

    natural = bt.measuring.Accuracy()(predict, test, splits.test.y)
    print(f"{natural.value:.1%} [{natural.low:.1%}, {natural.high:.1%}] of {natural.n} images are right as they are")
    substitute = bt.training.Substitute(holdout=100)(predict, test, splits.test.y, num_classes=splits.num_classes)
    print(f"a substitute asked for {substitute.queries:,} labels")
    for eps in (0.05, 0.1, 0.2):
        attacked = bt.measuring.Accuracy(attack=bt.attacks.FGSM(eps))
        found = attacked(predict, test, splits.test.y, source=substitute)
        print(f"FGSM {eps} on the substitute leaves {found.value:.1%} [{found.low:.1%}, {found.high:.1%}] of {found.n}")
    print(f"the two agree on {found.agreement:.1%} of these images as they are: not asked about, not trained on")


if __name__ == "__main__":
    main()
