"""Images a second: from memory, from disk, and by a plain loop of `datasets` and a torch DataLoader.

    python benchmarks/loading.py --data-root DIR --out results/benchmarks/loading.json

Images of CIFAR-10's size are read for one epoch after the other, in shuffled batches of 128, as float32; the system has
the file on disk in memory after the first round, which is not counted. JPEG files of 224 x 224 are read for the first
time, which finds, hashes and decodes them, and then for one epoch; to decode them and do nothing else is what bounds
the first reading. The plain loop decodes in every epoch, in as many processes as there are processors, and in this one.
"""

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import blackthorn as bt
from blackthorn.data import Crop, Flip, ImageSet, batches
from blackthorn.data.decode import Decoder
from timing import arguments, finish, rounds, table

BATCH, SMALL, LARGE, CLASSES = 128, 10_000, 1_000, 100
SHORT = 6  # times as many rounds of what takes a moment
JPEGS = "JPEG of 224 x 224"


def main() -> None:
    """Measure and print the tables."""
    options = arguments(__doc__)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["BLACKTHORN_CACHE"] = str(Path(scratch) / "cache")
        small_images, large_images = options.images or SMALL, options.images or LARGE
        parts = {
            "CIFAR-10": lambda: small(options, Path(scratch) / "hf"),
            JPEGS: lambda: large(Path(scratch), large_images),
        }
        for name, made in parts.items():
            if options.only not in (None, name):
                continue
            images = small_images if name == "CIFAR-10" else large_images
            for reference, more, candidates in made():
                print(f"{name}, {images:,} images")
                seconds = rounds(candidates, more * options.rounds, options.clock)
                for row in table(seconds, reference):
                    each = images / row["median_s"]
                    compared = {"images": name, "n": images, "images_per_s": round(each), "beside": reference}
                    rows.append({**compared, **row})
                    print(f"{row['name']:45s} {each:10,.0f} images/s")
    finish("loading", rows, options.out)


Compared = list[tuple[str, int, dict[str, Callable[[], object]]]]
"""What takes turns: what it is compared with, how often the rounds are repeated, and the candidates."""


def small(options: Any, scratch: Path) -> Compared:
    """Images of CIFAR-10's size. An epoch takes a moment, so that many rounds tell what disk and memory differ by."""
    import datasets

    source, wanted = "uoft-cs/cifar10", {"train": options.images or SMALL, "data_root": options.data_root}
    held, kept = bt.load_data(source, **wanted).train, bt.load_data(source, memory=0, **wanted).train
    folder = next(place for place in (options.data_root / "cifar10", options.data_root / source) if place.is_dir())
    stored = datasets.load_dataset(str(folder), split="train", cache_dir=str(scratch)).select(range(len(held)))
    both = [Crop(), Flip()]
    return [
        ("in memory", SHORT, {"in memory": lambda: epoch(held), "on disk": lambda: epoch(kept)}),
        (
            "in memory, crop and flip",
            SHORT,
            {
                "in memory, crop and flip": lambda: epoch(held, augment=both),
                "on disk, crop and flip": lambda: epoch(kept, augment=both),
            },
        ),
        ("datasets + DataLoader", 1, plain(stored)),
    ]


def large(scratch: Path, count: int) -> Compared:
    """JPEG files of 224 x 224, in a folder for each of a hundred classes."""
    import datasets

    folder = scratch / "jpegs"
    encoded = write_jpegs(folder, count)
    held = bt.load_data(folder, valid=0, memory="100%").train
    kept = bt.load_data(folder, valid=0, memory=0).train
    stored = datasets.load_dataset("imagefolder", data_dir=str(folder), split="train", cache_dir=str(scratch / "hf"))
    candidates = {
        "decoding alone": lambda: [Decoder().stack(encoded[at : at + 200]) for at in range(0, count, 200)],
        "first reading, into memory": lambda: first_reading(folder, "100%"),
        "first reading, to disk": lambda: first_reading(folder, 0),
        "opening and an epoch, datasets + DataLoader": lambda: plainly_first(folder),
        "in memory": lambda: epoch(held),
        "on disk": lambda: epoch(kept),
        **plain(stored),
    }
    return [("decoding alone", 1, candidates)]


def plainly_first(folder: Path) -> None:
    """What the first reading is compared with: the folder is opened and every image decoded once."""
    import datasets

    with tempfile.TemporaryDirectory() as cache:
        stored = datasets.load_dataset("imagefolder", data_dir=str(folder), split="train", cache_dir=cache)
        plain(stored)["datasets + DataLoader"]()


def plain(stored: Any) -> dict[str, Callable[[], object]]:
    """What people write: a transform on a data set, and a DataLoader."""
    image = next(name for name in ("img", "image") if name in stored.features)

    def transformed(batch: dict[str, Any]) -> dict[str, Any]:
        x = [torch.from_numpy(np.array(one.convert("RGB"))).permute(2, 0, 1).float() / 255 for one in batch[image]]
        return {"x": x, "y": batch["label"]}

    ready = stored.with_transform(transformed)

    def run(workers: int) -> None:
        for batch in torch.utils.data.DataLoader(ready, batch_size=BATCH, shuffle=True, num_workers=workers):
            assert batch["x"].dtype == torch.float32

    processes = os.cpu_count() or 1
    return {
        "datasets + DataLoader": lambda: run(0),
        f"datasets + DataLoader, {processes} workers": lambda: run(processes),
    }


def epoch(images: ImageSet, **options: Any) -> None:
    """One pass."""
    for x, _ in batches(images, BATCH, seed=0, **options):
        assert x.dtype == torch.float32


def first_reading(folder: Path, memory: float | str) -> None:
    """With an empty cache."""
    with another_cache():
        bt.load_data(folder, valid=0, memory=memory)


@contextmanager
def another_cache() -> Iterator[None]:
    """For the time of a block."""
    before = os.environ["BLACKTHORN_CACHE"]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["BLACKTHORN_CACHE"] = cache
        try:
            yield
        finally:
            os.environ["BLACKTHORN_CACHE"] = before


def write_jpegs(folder: Path, count: int) -> list[tuple[bytes, str]]:
    """Smooth random images with some noise, of about the size that photographs have as files; also as bytes."""
    generator, encoded = np.random.default_rng(0), []
    for number in range(count):
        smooth = Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((224, 224), 3)
        noisy = np.asarray(smooth, dtype=np.int16) + generator.integers(-12, 13, (224, 224, 3))
        written = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(written, "JPEG", quality=90)
        path = folder / "train" / f"class {number % CLASSES:02}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written.getvalue())
        encoded.append((written.getvalue(), path.name))
    return encoded


if __name__ == "__main__":
    main()
