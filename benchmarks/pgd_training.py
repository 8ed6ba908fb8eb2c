"""A PGD training step of Wang's network: Blackthorn's objective and trainer arithmetic against the plain float32 loop.

    python benchmarks/pgd_training.py --data-root DIR --out results/benchmarks/pgd_training.json

Both do the same work: 40 steps of PGD on 128 images, then one update on the clean and the adversarial batch.
"""

import torch
import torch.nn.functional as F

import blackthorn as bt
from blackthorn.speed.precision import arithmetic, choose
from timing import arguments, finish, rounds, table

EPS, STEP, STEPS, BATCH, UPDATES = 0.3, 0.01, 40, 128, 4  # Wang et al. 2018, sec. 3; batch as in our recipes


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    torch.set_flush_denormal(True)
    splits = bt.load_data("mnist", data_root=options.data_root, train=BATCH * UPDATES)
    batches = [
        (bt.data.pixels(splits.train.x[i : i + BATCH]), splits.train.y[i : i + BATCH])
        for i in range(0, BATCH * UPDATES, BATCH)
    ]
    torch.manual_seed(0)
    networks = {name: bt.models.wang_cnn() for name in ("plain float32 loop", "blackthorn", "blackthorn, float32")}
    optimizers = {name: torch.optim.RMSprop(model.parameters(), 1e-4) for name, model in networks.items()}
    objective = bt.objectives.Adversarial(attack=bt.attacks.PGD(eps=EPS, step_size=STEP, steps=STEPS))

    def plain() -> None:
        model, optimizer = networks["plain float32 loop"], optimizers["plain float32 loop"]
        for x, y in batches:
            model.eval()
            x_adv = (x + torch.empty_like(x).uniform_(-EPS, EPS)).clamp(0, 1)
            for _ in range(STEPS):
                x_adv.requires_grad_()
                (gradient,) = torch.autograd.grad(F.cross_entropy(model(x_adv), y), x_adv)
                x_adv = (x + (x_adv.detach() + STEP * gradient.sign() - x).clamp(-EPS, EPS)).clamp(0, 1)
            model.train()
            loss = 0.5 * F.cross_entropy(model(x), y) + 0.5 * F.cross_entropy(model(x_adv), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def ours(name: str, precision: bt.attacks.Precision) -> None:
        model, optimizer = networks[name], optimizers[name]
        chosen = choose(precision, model, batches[0][0])
        model.train()
        for x, y in batches:
            with arithmetic(chosen, x.device):
                loss = objective(model, x, y)
            optimizer.zero_grad()
            loss.total.backward()
            optimizer.step()

    seconds = rounds(
        {
            "plain float32 loop": plain,
            "blackthorn": lambda: ours("blackthorn", "auto"),
            "blackthorn, float32": lambda: ours("blackthorn, float32", "float32"),
        },
        options.rounds,
    )
    print(f"{UPDATES} updates of PGD-{STEPS} training, batch {BATCH}, {torch.get_num_threads()} threads")
    notes = {"blackthorn": f"auto chose {choose('auto', networks['blackthorn'], batches[0][0])}"}
    finish("pgd_training", table(seconds, "plain float32 loop", notes), options.out)


if __name__ == "__main__":
    main()
