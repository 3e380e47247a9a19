"""What guidance does: the share of samples that a trained classifier names as the class they were asked for.

    .venv/bin/python -m tiny_cats train configs/classifier_smoke.yaml
    .venv/bin/python -m benchmarks.tiny_cats.guidance runs/classifier-smoke-... [--steps 1500]

A small TinyDiT (patch 8, width 96) is trained on the classifier's own training pictures, a tenth of their
classes lost, and draws pictures of all classes from the same noise at each guidance. At 0 the class is not
heard, and the share is chance; 1 is what was trained. Distances are those of the gates, to pictures that the
classifier has not seen either: guidance pays for class with variety.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from tiny_cats.config import ClassifierConfig
from tiny_cats.dit import Preset, TinyDiT, count_parameters
from tiny_cats.evaluation.accuracy import wilson
from tiny_cats.evaluation.distances import Space, distance
from tiny_cats.evaluation.features import features
from tiny_cats.evaluation.tinydit import Pictures
from tiny_cats.flow_matching import EMA, FlowMatchingLoss
from tiny_cats.sampling import from_uint8, sample
from tiny_cats.training.dit_judging import classifier_at, pictures_of
from tiny_cats.training.pictures import ready_pictures
from training_kit.config import load_resolved

GUIDANCES = (0, 0.5, 1, 1.5, 2, 3, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("classifier", type=Path, help="a run's folder")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--samples", type=int, default=250)
    given = parser.parse_args()
    config = load_resolved(given.classifier / "config.json", ClassifierConfig).config
    dataset = ready_pictures(config.data, given.data, print, results_dir=given.classifier.parent.parent)
    best = given.classifier / "checkpoints" / "best.pt"
    classify = classifier_at(best, dataset.classes, torch.device("cpu"))
    size = config.data.size
    training, real = pictures_of((dataset.train,), size), pictures_of((dataset.val, dataset.test), size)
    print(f"real pictures                      {share(classify(real.x_NCHW), real.y_N)}")
    model = trained(training, size, len(dataset.classes), given.steps)
    y_N = torch.arange(given.samples) % len(dataset.classes)
    count = min(given.samples, len(real))
    space, real_ND = Space.of(features(training.x_NCHW), count), features(real.spread(count).x_NCHW)
    for guidance in GUIDANCES:
        x = sample(
            model, y_N, steps=25, guidance=guidance, size=size, generator=torch.Generator().manual_seed(0)
        )
        found = distance(space, features(x[:count]), real_ND)
        print(
            f"samples, guidance {guidance:3g}: {share(classify(x), y_N)}   "
            f"Fréchet {found.frechet:.0f}, kernel {found.kernel:.2f}",
            flush=True,
        )


def trained(pictures: Pictures, size: int, num_classes: int, steps: int) -> TinyDiT:
    torch.manual_seed(0)
    model = TinyDiT(Preset(size=size, patch=8, width=96, depth=4, heads=3), num_classes)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=steps, pct_start=0.1)
    ema, loss_of = EMA(model, 0.995), FlowMatchingLoss()
    random = torch.Generator().manual_seed(0)
    started = time.process_time()
    for _ in range(steps):
        picked = torch.randint(len(pictures), (32,), generator=random)
        x1_BCHW, y_B = from_uint8(pictures.x_NCHW[picked]), pictures.y_N[picked]
        loss = loss_of(model, x1_BCHW, y_B, random, null_token=model.null_token)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        ema.update(model)
    spent_s = time.process_time() - started
    print(
        f"TinyDiT of {count_parameters(model) / 1e6:.2f} M, {steps} steps, {spent_s:.0f} s of processor time"
    )
    average = ema.model
    assert isinstance(average, TinyDiT)
    return average.eval()


def share(named_N: Tensor, asked_N: Tensor) -> str:
    return f"{wilson(int((named_N == asked_N).sum()), len(asked_N))} of {len(asked_N)}"


if __name__ == "__main__":
    main()
