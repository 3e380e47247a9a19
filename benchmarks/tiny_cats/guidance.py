"""What guidance does: the share of samples that a classifier names as the class they were asked for.

    .venv/bin/python -m tiny_cats train configs/classifier_smoke.yaml
    .venv/bin/python -m tiny_cats train-dit configs/tinydit_smoke.yaml --set training.steps=800
    .venv/bin/python -m benchmarks.tiny_cats.guidance runs/tinydit-smoke-... runs/classifier-smoke-...

Both have to know the same classes. All guidances begin at the same noise. At 0 the class is not heard, and
the share is chance; at 1 the model draws as it was trained. Distances are those of the gates, to held-out
pictures: guidance pays for class with variety.
"""

import argparse
from pathlib import Path

import torch

from tiny_cats.config import DitConfig
from tiny_cats.evaluation.accuracy import wilson
from tiny_cats.evaluation.distances import Space, distance
from tiny_cats.evaluation.features import features
from tiny_cats.sampling import sample
from tiny_cats.training.dit_judging import classifier_at, pictures_of
from tiny_cats.training.dit_task import sampler_of
from tiny_cats.training.pictures import ready_pictures
from tiny_cats.training.resuming import read_weights
from training_kit.config import load_resolved

CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("classifier", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--guidance", type=float, nargs="+", default=[0, 1, 1.5, 2, 3, 5])
    parser.add_argument("--samples", type=int, default=250)
    parser.add_argument("--steps", type=int, default=25)
    given = parser.parse_args()
    config = load_resolved(given.run / "config.json", DitConfig).config
    dataset = ready_pictures(config.data, given.data, print, results_dir=given.run.parent.parent)
    classify = classifier_at(given.classifier / "checkpoints" / "best.pt", dataset.classes, CPU)
    model = sampler_of(read_weights(given.run / "checkpoints" / "best.pt", "tinydit"))
    held_out = pictures_of((dataset.val, dataset.test), model.size)
    training = pictures_of((dataset.train,), model.size)
    count = min(given.samples, len(held_out))
    space = Space.of(features(training.x_NCHW), count)
    real = held_out.spread(count)
    print(f"real pictures          {share(classify(held_out.x_NCHW), held_out.y_N)}")
    y_N = torch.arange(given.samples) % len(dataset.classes)
    for guidance in given.guidance:
        x = sample(
            model, y_N, steps=given.steps, guidance=guidance, size=model.size,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        found = distance(space, features(x[:count]), features(real.x_NCHW))
        print(
            f"samples, guidance {guidance:4g} {share(classify(x), y_N)}   "
            f"Fréchet {found.frechet:.0f}, kernel {found.kernel:.3f}",
            flush=True,
        )


def share(named_N: torch.Tensor, asked_N: torch.Tensor) -> str:
    right, count = int((named_N == asked_N).sum()), len(asked_N)
    return f"{wilson(right, count)} of {count}"


if __name__ == "__main__":
    main()
