"""A training step of tinydit_128 as the loop does it, against the bare model's step, in turns.

    .venv/bin/python -m benchmarks.tiny_cats.loop_overhead [--quick] [--threads 2] [--batch 8]

Bar: 1.05. The bare step is forward of the loss, backward and AdamW on one batch that lies ready. The loop
adds the loader, mirroring, clipping, the average of the weights, metrics and finite checks; validation,
checkpoints and grids come rarely and are left out. The bare step runs where the loop asks for its next batch.
Seconds are of processor time, so that a busy machine counts less; the clock's are shown beside.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.tiny_cats.dit_step import timed, tinydit_step
from tiny_cats.config.schema import DitConfig
from tiny_cats.data.batches import Batch
from tiny_cats.data.dataset import prepare
from tiny_cats.dit import build_model
from tiny_cats.training.dit_task import DitTask
from tiny_cats.training.loop import train
from training_kit.devices import Place

BAR = 1.05


class Interrupted(DitTask):
    """Runs the bare step before each batch; keeps the seconds of both."""

    def batches(self, first: int) -> Iterator[Batch]:
        settings = self.config.training
        model = build_model(self.config.model.preset, len(self.dataset.classes))
        bare = tinydit_step(model, settings.batch_size, self.place.device.type)
        self.bare: list[tuple[float, float]] = []
        self.whole: list[tuple[float, float]] = []
        for batch in super().batches(first):
            self.bare.append(timed(bare))
            cpu, wall = time.process_time(), time.perf_counter()
            yield batch
            self.whole.append((time.process_time() - cpu, time.perf_counter() - wall))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="eleven steps")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    steps = 11 if given.quick else 41
    never = steps + 100
    config = DitConfig.model_validate(
        {
            "name": "overhead",
            "data": {"synthetic": 16},
            "training": {
                "steps": never,
                "batch_size": given.batch,
                "log_every_steps": 10,
                "validate_every_steps": never,
                "checkpoint_every_steps": never,
            },
            "sampling": {"count": 1, "steps": 1},
        }
    )
    with tempfile.TemporaryDirectory() as scratch:
        place = Place(torch.device("cpu"))
        task = Interrupted(config, prepare(config.data, Path(scratch)), place)
        train(task, config.training, Path(scratch), place, max_steps=steps, say=lambda line: None)
    # the loader's part lies before the yield: it is timed by itself
    started = time.process_time()
    batches = DitTask.batches(task, 0)
    for _ in range(10):
        next(batches)
    loader_s = (time.process_time() - started) / 10
    report(task.bare[1:steps], task.whole[1:], loader_s)
    print(f"{torch.get_num_threads()} threads, batch {given.batch}, {steps - 1} steps each in turns, medians")


def report(bare: list[tuple[float, float]], whole: list[tuple[float, float]], loader_s: float) -> None:
    for name, which in (("processor", 0), ("clock", 1)):
        pairs = [(mine[which] + loader_s, other[which]) for mine, other in zip(whole, bare, strict=False)]
        ratio = statistics.median(mine / other for mine, other in pairs)
        verdict = ("meets" if ratio <= BAR else "MISSES") + f" {BAR}" if which == 0 else ""
        print(
            f"{name:9s} in the loop {statistics.median(p[0] for p in pairs) * 1000:6.0f} ms   "
            f"bare {statistics.median(p[1] for p in pairs) * 1000:6.0f} ms   ratio {ratio:.3f}   {verdict}"
        )
    print(f"of which the loader {loader_s * 1000:.1f} ms")


if __name__ == "__main__":
    main()
