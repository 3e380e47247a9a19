"""Pictures to training tensors on one core: from JPEG files, and from the cache; pillow beside both.

Drawn photographs of 500 x 375 pixels, or the JPEGs of a folder given by --pictures. Every way ends in the
same float32 tensor of 128 x 128 pixels in [-1, 1], cropped and flipped at random. The ways take turns, and
the median counts, in CPU time of this process with one thread.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from tiny_cats import augment
from tiny_cats.config.schema import Data
from tiny_cats.data.batches import open_batches
from tiny_cats.data.dataset import prepare
from tiny_cats.data.decode import decode

SIZE, STORED, BATCH = 128, 144, 64
SOURCE_BAR, CACHE_BAR = 500, 4000

Way = Callable[[], int]
"""Makes training tensors; returns how many."""


def photographs(folder: Path, count: int) -> None:
    """JPEGs with detail at all scales, about as large as Oxford's (median 500 x 375 pixels and 100 kB)."""
    random = np.random.default_rng(0)
    (folder / "drawn").mkdir(parents=True)
    for number in range(count):
        total = np.zeros((375, 500, 3), np.float32)
        for scale in (2, 4, 8, 16, 32, 64):
            small = random.integers(0, 256, (375 // scale + 1, 500 // scale + 1, 3), dtype=np.uint8)
            total += np.asarray(Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC)) / 6.0
        Image.fromarray(total.astype(np.uint8)).save(folder / "drawn" / f"{number}.jpg", quality=92)


def augmented(stored_BHWC: Sequence[np.ndarray], generator: torch.Generator) -> int:
    x_BCHW = torch.from_numpy(np.stack(stored_BHWC)).permute(0, 3, 1, 2).contiguous()
    x_BCHW = augment.flip(augment.random_crop(x_BCHW, SIZE, generator), generator)
    return len(augment.to_float(x_BCHW))


def ours(files: Sequence[bytes], generator: torch.Generator) -> int:
    return augmented([decode(data, STORED).pixels_HWC for data in files], generator)


def pillow(files: Sequence[bytes], *, is_drafted: bool) -> int:
    """One picture at a time, as loaders commonly do: open, convert, resize, crop, flip, to a float tensor."""
    random = np.random.default_rng(0)
    tensors = []
    for data in files:
        image = Image.open(io.BytesIO(data))
        if is_drafted:
            image.draft("RGB", (STORED, STORED))
        image = image.convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
        image = image.resize((STORED, STORED), Image.Resampling.BICUBIC, box=box)
        x, y = random.integers(0, STORED - SIZE + 1, 2).tolist()
        image = image.crop((x, y, x + SIZE, y + SIZE))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        x_CHW = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1
        tensors.append(x_CHW)
    return len(torch.stack(tensors))


def rates(ways: dict[str, Way], runs: int) -> dict[str, float]:
    """Images a second of CPU time; the ways in turn, so that a noisy minute meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            begin = time.process_time()
            count = way()
            found[name].append(count / (time.process_time() - begin))
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="a data folder; its JPEGs are read")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.pictures or Path(scratch) / "pictures"
        if not options.pictures:
            photographs(folder, 4 * BATCH)
        paths = sorted(path for path in folder.rglob("*.jpg") if path.is_file())
        files = [data for path in paths[: 6 * BATCH] if (data := path.read_bytes())[:2] == b"\xff\xd8"]
        batches = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
        settings = Data(root="", size=SIZE, stored_size=STORED, val_share=0, test_share=0)
        view = prepare(settings, folder, cache=Path(scratch) / "cache").train
        in_memory_BHWC = view.pictures()
        generator = torch.Generator().manual_seed(0)
        random = np.random.default_rng(0)

        def from_cache() -> int:
            count = 0
            for x_BCHW, _ in islice(open_batches(view, batch_size=BATCH, seed=0), 8):
                x_BCHW = augment.flip(augment.random_crop(x_BCHW, SIZE, generator), generator)
                count += len(augment.to_float(x_BCHW))
            return count

        def from_memory() -> int:
            draws = [random.integers(0, len(in_memory_BHWC), BATCH) for _ in range(8)]
            return sum(augmented(in_memory_BHWC[places], generator) for places in draws)

        measured = rates(
            {
                "source": lambda: sum(ours(batch, generator) for batch in batches),
                "pillow": lambda: sum(pillow(batch, is_drafted=False) for batch in batches),
                "pillow, draft": lambda: sum(pillow(batch, is_drafted=True) for batch in batches),
                "cache": from_cache,
                "array in memory": from_memory,
            },
            options.runs,
        )
    kilobytes = sum(map(len, files)) / len(files) / 1000
    Console(width=130).print(_table(measured, f"{len(files)} JPEGs of {kilobytes:.0f} kB on average"))
    return 0 if measured["source"] >= SOURCE_BAR and measured["cache"] >= CACHE_BAR else 1


def _table(measured: dict[str, float], title: str) -> Table:
    table = Table("figure", "images/s, one core", "bar", "peer of the same run", "ratio", title=title)
    for name, bar, peers in (
        ("source", SOURCE_BAR, ("pillow", "pillow, draft")),
        ("cache", CACHE_BAR, ("pillow", "array in memory")),
    ):
        for peer in peers:
            ratio = measured[name] / measured[peer]
            words = "JPEG to training tensor" if name == "source" else "cache to training tensor"
            table.add_row(
                words, f"{measured[name]:,.0f}", f"{bar:,}", f"{peer}: {measured[peer]:,.0f}", f"{ratio:.2f}"
            )
    return table


if __name__ == "__main__":
    sys.exit(main())
