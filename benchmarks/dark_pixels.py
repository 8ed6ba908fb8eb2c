"""How many pixels are black in every image on which weights are scored: first-layer weights that read them score zero.

    python benchmarks/dark_pixels.py --data mnist --out results/parana-curves-full/dark_pixels.csv

`dark` is their share of all pixels, in percent, for each seed and number of images. The images are those that the
activated value draws from the training set by that seed. `ink` is the share of the light of all training images that
falls on these pixels, in percent.
"""

import argparse
import csv
from pathlib import Path

import torch

import blackthorn as bt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    images = bt.load_data(asked.data, data_root=asked.data_root, valid=0).train.x.flatten(1)
    light = images.double().sum(0)
    with asked.out.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["seed", "images", "dark", "ink"])
        for seed in asked.seeds:
            order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
            for number in asked.images:
                dark = images[order[:number]].amax(0) == 0
                share = light[dark].sum() / light.sum()
                table.writerow([seed, number, f"{100 * dark.double().mean():.1f}", f"{100 * share:.2f}"])


if __name__ == "__main__":
    main()
