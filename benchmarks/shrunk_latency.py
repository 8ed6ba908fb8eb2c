"""Half of the filters of every layer of VGG-16 removed: is the shrunk network as fast as its multiplications say?

    python benchmarks/shrunk_latency.py --out results/benchmarks/shrunk_latency.json

The ideal is the ratio of multiply-accumulates; what is reached of it is the ratio of median latencies over that.
"""

import torch

import blackthorn as bt
from blackthorn.measuring import latency, macs
from timing import arguments, finish


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    dense = bt.models.vgg16(10).eval()
    masked = bt.models.vgg16(10).eval()
    masked.load_state_dict(dense.state_dict())
    example = torch.rand(2, 3, 32, 32)
    masks = bt.pruning.prune(masked, bt.pruning.FilterNorm(), sparsity=0.5, scope="per_layer", x=example)
    forms = {"dense": dense, "masked": masked, "shrunk": bt.pruning.shrink(masked, masks, example=example)}
    ideal = macs(dense, example) / macs(forms["shrunk"], example)
    rows = []
    for took in latency(forms, example, batches=(1, 128), repeats=max(5, options.rounds), seconds=120):
        rows.append(
            {
                "form": took.form,
                "batch": took.batch,
                "median_s": took.median,
                "q1_s": took.low,
                "q3_s": took.high,
                "rounds": took.n,
            }
        )
    print(f"multiply-accumulates: {ideal:.2f} times fewer; {torch.get_num_threads()} threads")
    for batch in (1, 128):
        medians = {row["form"]: row["median_s"] for row in rows if row["batch"] == batch}
        for form, median in medians.items():
            faster = medians["dense"] / median
            share = f"  {faster / ideal:.0%} of the ideal" if form == "shrunk" else ""
            print(f"batch {batch:4d}  {form:8s} {median * 1e3:9.2f} ms  {faster:5.2f}x{share}")
            for row in rows:
                if row["form"] == form and row["batch"] == batch:
                    row |= {"times_faster": faster, "ideal": ideal}
    finish("shrunk_latency", rows, options.out)


if __name__ == "__main__":
    main()
