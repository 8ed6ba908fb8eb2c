"""PGD-40 on Wang's network: Blackthorn's engine against the plain loop, Foolbox and ART, on 2,000 MNIST test images.

    python benchmarks/pgd_evaluation.py --data-root DIR --out results/benchmarks/pgd_evaluation.json

The plain loop is what a paper's code does: 40 times forward, backward to the input, step, project, in float32, for
every image. The engine and the loop begin from the same random starts. Networks come from benchmarks/networks.yaml.
The PGD-trained one hides gradients at this radius: squares fool much that PGD leaves. What the engine goes on with is
left out.
"""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import blackthorn as bt
from alone import alone
from blackthorn.attacks import craft
from networks import trained
from timing import arguments, finish, rounds, table

EPS, STEP, STEPS, BATCH, IMAGES = 0.3, 0.01, 40, 250, 2000  # Wang et al. 2018, sec. 2


def plain_loop(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Adversarial images from the obvious loop."""
    found = []
    for first in range(0, len(x), BATCH):
        clean, labels = x[first : first + BATCH], y[first : first + BATCH]
        x_adv = (clean + torch.empty_like(clean).uniform_(-1, 1) * EPS).clamp(0, 1)
        for _ in range(STEPS):
            x_adv.requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(model(x_adv), labels), x_adv)
            x_adv = (clean + (x_adv.detach() + STEP * gradient.sign() - clean).clamp(-EPS, EPS)).clamp(0, 1)
        found.append(x_adv)
    return torch.cat(found)


def foolbox_pgd(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The same attack by Foolbox."""
    import foolbox

    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1))
    attack = foolbox.attacks.LinfPGD(abs_stepsize=STEP, steps=STEPS, random_start=True)
    parts = [attack(wrapped, x[i : i + BATCH], y[i : i + BATCH], epsilons=EPS)[1] for i in range(0, len(x), BATCH)]
    return torch.cat(parts)


def art_pgd(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The same attack by the Adversarial Robustness Toolbox."""
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        model, nn.CrossEntropyLoss(), tuple(x.shape[1:]), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = ProjectedGradientDescent(
        classifier, eps=EPS, eps_step=STEP, max_iter=STEPS, num_random_init=1, batch_size=BATCH, verbose=False
    )
    return torch.from_numpy(attack.generate(x.numpy(), y.numpy().astype(np.int64)))


def seeded(found: dict[str, Tensor], key: str, search: Callable[[], Tensor]) -> None:
    """Run a search from the same random numbers every time, and keep what it finds."""
    torch.manual_seed(0)
    found[key] = search()


def main() -> None:
    """Measure both networks and print the table."""
    options = arguments(__doc__)
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore")
    splits, networks = trained(Path(__file__).with_name("networks.yaml"), options.store, options.data_root)
    n = options.images or IMAGES
    x, y = bt.data.pixels(splits.test.x[:n]), splits.test.y[:n]
    attack = bt.attacks.PGD(eps=EPS, step_size=STEP, steps=STEPS)
    rows = []
    for name, model in networks.items():
        if options.only not in (None, name):
            continue
        model.eval()
        found: dict[str, Tensor] = {}
        searches = {
            "plain float32 loop": partial(plain_loop, model, x, y),
            "blackthorn": lambda m=model: craft(attack, m, x, y).x_adv,
            "blackthorn, float32": lambda m=model: craft(attack, m, x, y, precision="float32").x_adv,
            "foolbox": partial(foolbox_pgd, model, x, y),
            "ART": partial(art_pgd, model, x, y),
        }
        candidates = {key: partial(seeded, found, key, search) for key, search in searches.items()}
        with alone():
            seconds = rounds(candidates, options.rounds, options.clock)
        with torch.no_grad():  # every candidate judged alike: by the network in float32
            robust = {key: (model(x_adv).argmax(1) == y).float().mean().item() for key, x_adv in found.items()}
        print(f"\n{name}, {n} images, batch {BATCH}, {torch.get_num_threads()} threads")
        notes = {key: f"robust accuracy {share:.2%}" for key, share in robust.items()}
        rows += [row | {"network": name} for row in table(seconds, "plain float32 loop", notes)]
    finish("pgd_evaluation", rows, options.out)


if __name__ == "__main__":
    main()
