"""Half of the filters of every layer gone: how fast are VGG-16 and ResNet-18 in ONNX Runtime, beside PyTorch?

    python benchmarks/runtimes.py --threads 1 --rounds 30 --out results/benchmarks/runtimes_1_thread.json
    python benchmarks/runtimes.py --threads 2 --rounds 30 --out results/benchmarks/runtimes_2_threads.json

The networks have first weights, and the norms' statistics of a few batches; time does not depend on what they learnt.
All forms take turns. The ideal is the ratio of multiply-accumulates of the dense and the shrunk network.
"""

import torch

import blackthorn as bt
from blackthorn.deploy import OnnxNetwork
from blackthorn.deploy.exporting import onnx_bytes
from blackthorn.measuring import latency, macs
from timing import arguments, finish


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__)
    torch.set_flush_denormal(True)
    rows = []
    for name, build in (("vgg16", bt.models.vgg16), ("resnet18", bt.models.resnet18)):
        if options.only in (None, name):
            rows += measured(name, build, max(5, options.rounds))
    finish("runtimes", rows, options.out)


def measured(name: str, build: object, rounds: int) -> list[dict[str, object]]:
    """Every form of one network at batch 1 and 128."""
    torch.manual_seed(0)
    dense, x = build(10), torch.rand(64, 3, 32, 32)  # type: ignore[operator]
    with torch.no_grad():
        for _ in range(5):
            dense(x)
    dense.eval()
    masked, example = build(10), x[:2]  # type: ignore[operator]
    masked.load_state_dict(dense.state_dict())
    masked.eval()
    masks = bt.pruning.prune(masked, bt.pruning.FilterNorm(), sparsity=0.5, scope="per_layer", coupled=True, x=example)
    shrunk = bt.pruning.shrink(masked, masks, example=example)
    forms = {"dense": dense, "masked": masked, "shrunk": shrunk}
    for form in ("dense", "shrunk"):
        for runtime, images in (("onnx", None), ("int8", x)):
            forms[f"{form} {runtime}"] = OnnxNetwork(onnx_bytes(forms[form], example, calibrate=images))
    ideal = macs(dense, example) / macs(shrunk, example)
    print(f"{name}: {ideal:.2f} times fewer multiply-accumulates; {torch.get_num_threads()} threads")
    rows: list[dict[str, object]] = []
    for batch in (1, 128):
        took = {one.form: one for one in latency(forms, example, batches=(batch,), repeats=rounds, seconds=90)}
        for form, one in took.items():
            faster, in_runtime = took["dense"].median / one.median, took["dense onnx"].median / one.median
            reached = in_runtime / ideal if form == "shrunk onnx" else None
            share = "" if reached is None else f"  {reached:.0%} of the ideal against dense onnx"
            print(f"batch {batch:4d}  {form:12s} {one.median * 1e3:9.2f} ms  {faster:5.2f}x{share}", flush=True)
            rows.append(
                {
                    "network": name,
                    "form": form,
                    "batch": batch,
                    "median_s": one.median,
                    "q1_s": one.low,
                    "q3_s": one.high,
                    "rounds": one.n,
                    "times_faster_than_dense_torch": faster,
                    "times_faster_than_dense_onnx": in_runtime,
                    "ideal": ideal,
                    "share_of_ideal": reached,
                }
            )
    return rows


if __name__ == "__main__":
    main()
