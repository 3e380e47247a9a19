"""A trained TinyDiT judged: its losses against the linear predictor's, its samples against real pictures.

Everything is measured on held-out pictures that training has not seen, beside noise, a blurred mean and the
linear model's own draws, which are measured in the very same way.

Shapes: N pictures, C colours (3), H = W their sides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tiny_cats.evaluation import features
from tiny_cats.evaluation.distances import Distance, Space, distance
from tiny_cats.evaluation.gates import Measured, Verdict, judge_measured
from tiny_cats.evaluation.gaussian import MOST_ENTRIES, Linear, best_linear
from tiny_cats.evaluation.memorisation import Neighbours, copies, nearest, threshold
from tiny_cats.evaluation.velocity import TIMES, VelocityOf, mean_as_trained, velocity_losses
from tiny_cats.sampling import from_uint8, to_uint8

LOSS_PICTURES = 256  # of each split that losses are measured on
SPACE_PICTURES = 2000  # of training that the features' coordinates are fitted to
PIXELS_SIDE = 32  # pictures are compared by pixels at most this large
SEED = 17
CPU = torch.device("cpu")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pictures:
    """Pictures with their classes: uint8 (N, 3, H, W), int64 (N,)."""

    x_NCHW: Tensor
    y_N: Tensor

    def __len__(self) -> int:
        return len(self.x_NCHW)

    def spread(self, count: int) -> "Pictures":
        """At most `count` of them, evenly spread over all: of every class, in a set that is in order."""
        places = torch.linspace(0, len(self) - 1, min(count, len(self))).round().long()
        return Pictures(self.x_NCHW[places], self.y_N[places])


@dataclass(frozen=True)
class Subject:
    """What is judged. `sample`: uint8 pictures of EMA weights, one a class. `classify`: the classes named."""

    average: VelocityOf
    raw: VelocityOf
    sample: Callable[[Tensor, torch.Generator], Tensor]
    classes: tuple[str, ...]
    device: torch.device = CPU
    reported_loss: float | None = None
    """What training said of its loss last, under logit-normal times of these two."""
    time_mean: float = 0.0
    time_deviation: float = 1.0
    classify: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Judged:
    """What was measured, the verdicts, and the pictures that show it."""

    measured: Measured
    verdicts: list[Verdict]
    pictures: Mapping[str, Tensor]  # by name, uint8 (N, 3, H, W)
    neighbours: tuple[Tensor, Tensor, Tensor]
    """The samples most like copies, their nearest training pictures by pixels, and by features."""
    nearness: Mapping[str, Any]
    """Of samples and held-out pictures, by pixels, and below which value a sample counts as a copy."""
    linear_axes: int

    @property
    def passes(self) -> bool:
        return all(one.outcome != "failed" for one in self.verdicts)

    def facts(self) -> dict[str, Any]:
        """As plain values, for results.json."""
        m = self.measured
        curves = {"held_out": m.held_out, "training": m.training, "raw_held_out": m.raw_held_out}
        curves |= {"linear": m.linear}
        return {
            "gates": [one.facts() for one in self.verdicts],
            "velocity": {"times": list(m.times)} | {name: list(curve) for name, curve in curves.items()},
            "linear_axes": self.linear_axes,
            "distances": {
                "network": features.NAME,
                "network_sha256": features.DIGEST,
                "pictures": m.pictures,
                "of": {
                    name: {"frechet": one.frechet, "kernel": one.kernel} for name, one in m.distances.items()
                },
            },
            "copied": {"pixels": m.copied_pixels, "features": m.copied_features},
            "loss": {"reported": m.reported_loss, "measured_anew": m.measured_loss},
            "guided_class": {
                "samples": m.sample_accuracy,
                "real": m.real_accuracy,
                "chance": m.chance,
            },
        }


@dataclass(frozen=True)
class Yardstick:
    """What every model of the same pictures is held against, measured once.

    `real`: the held-out pictures that samples are compared with, one for one. `rivals`: pictures by name, in
    equal numbers: `training pictures` (their distance is the floor), `noise`, `blurred mean`, `linear model`.
    """

    training: Pictures
    unseen: Pictures  # held out, for losses
    linear: Linear
    linear_losses: Sequence[float]
    real: Pictures
    rivals: Mapping[str, Tensor]
    distances: Mapping[str, Distance]
    space: Space
    real_ND: Tensor
    pixels: tuple[Tensor, Tensor]  # of training pictures and their mirror images
    features: tuple[Tensor, Tensor]

    @classmethod
    def of(
        cls, training: Pictures, held_out: Pictures, count: int, device: torch.device = CPU
    ) -> "Yardstick":
        """`count`: samples to be judged, at most as many as there are held-out and training pictures."""
        count = min(count, len(held_out), len(training))
        real, unseen = held_out.spread(count), held_out.spread(LOSS_PICTURES)
        most = max(2, MOST_ENTRIES // training.x_NCHW[0].numel())
        linear = best_linear(_flat(training.spread(most).x_NCHW), _flat(unseen.x_NCHW), TIMES)
        rivals = _rivals(training, linear, count)
        seen = partial(features.features, device=device)
        training_MD, real_ND = seen(training.x_NCHW), seen(real.x_NCHW)
        space = Space.of(training_MD[:: max(1, len(training) // SPACE_PICTURES)], count)
        return cls(
            training=training,
            unseen=unseen,
            linear=linear,
            linear_losses=linear.losses(_flat(unseen.x_NCHW), TIMES),
            real=real,
            rivals=rivals,
            distances={name: distance(space, seen(x), real_ND) for name, x in rivals.items()},
            space=space,
            real_ND=real_ND,
            pixels=(_small(training.x_NCHW), _small(training.x_NCHW.flip(-1))),
            features=(space.scaled(training_MD), space.scaled(seen(training.x_NCHW.flip(-1)))),
        )


def judge_tinydit(subject: Subject, against: Yardstick, say: Say = lambda words: None) -> Judged:
    """Draws samples, measures and judges."""
    count, real = len(against.real), against.real
    say(f"[JUDGE] {count} samples")
    samples = subject.sample(real.y_N, torch.Generator().manual_seed(SEED)).cpu()

    say(f"[JUDGE] velocity losses at {len(TIMES)} times")
    losses = _losses(subject, against.training.spread(LOSS_PICTURES), against.unseen)

    say(f"[JUDGE] their distance, and nearest training pictures, in the features of {features.NAME}")
    samples_ND = features.features(samples, subject.device)
    distances = {"samples": distance(against.space, samples_ND, against.real_ND), **against.distances}
    by_pixels = [nearest(_small(x), *against.pixels) for x in (samples, real.x_NCHW)]
    by_features = [nearest(against.space.scaled(x), *against.features) for x in (samples_ND, against.real_ND)]

    measured = Measured(
        times=TIMES,
        held_out=losses["held_out"],
        training=losses["training"],
        raw_held_out=losses["raw_held_out"],
        linear=against.linear_losses,
        pictures=count,
        distances=distances,
        copied_pixels=_share(copies(*by_pixels)),
        copied_features=_share(copies(*by_features)),
        reported_loss=subject.reported_loss,
        measured_loss=mean_as_trained(losses["raw_training"], subject.time_mean, subject.time_deviation),
        **_classes(subject, samples, real),
    )
    shown = {"samples": samples, "held-out pictures": real.x_NCHW, **against.rivals}
    return Judged(
        measured,
        judge_measured(measured),
        shown | {"blurred mean": against.rivals["blurred mean"][:1]},
        _neighbours(samples, against.training, by_pixels[0], by_features[0]),
        {
            "samples": _rounded(by_pixels[0].nearness_N),
            "held_out": _rounded(by_pixels[1].nearness_N),
            "copy_below": threshold(by_pixels[1]),
        },
        len(against.linear.variance_K),
    )


def blurred_mean(x_NCHW: Tensor) -> Tensor:
    """The mean picture, blurred by a Gaussian of a sixteenth of the side: uint8 (1, 3, H, W)."""
    side = x_NCHW.shape[-1]
    reach = max(1, side // 8)
    r = torch.arange(-reach, reach + 1).float()
    weight = torch.exp(-(r**2) / (2 * (side / 16) ** 2))
    weight = weight / weight.sum()
    x = x_NCHW.float().mean(dim=0).unsqueeze(1)
    x = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="replicate"), weight.view(1, 1, 1, -1))
    x = F.conv2d(F.pad(x, (0, 0, reach, reach), mode="replicate"), weight.view(1, 1, -1, 1))
    return x.squeeze(1).round().clamp(0, 255).to(torch.uint8).unsqueeze(0)


def _losses(subject: Subject, training: Pictures, held_out: Pictures) -> dict[str, list[float]]:
    return {
        name: velocity_losses(of, from_uint8(pictures.x_NCHW), pictures.y_N, device=subject.device)
        for name, of, pictures in (
            ("held_out", subject.average, held_out),
            ("training", subject.average, training),
            ("raw_held_out", subject.raw, held_out),
            ("raw_training", subject.raw, training),
        )
    }


def _rivals(training: Pictures, linear: Linear, count: int) -> dict[str, Tensor]:
    generator, shape = torch.Generator().manual_seed(SEED + 1), (count, *training.x_NCHW.shape[1:])
    return {
        "training pictures": training.spread(count).x_NCHW,
        "noise": to_uint8(torch.randn(shape, generator=generator)),
        "blurred mean": blurred_mean(training.x_NCHW).expand(count, -1, -1, -1),
        "linear model": to_uint8(linear.sample(count, generator).view(shape)),
    }


def _classes(subject: Subject, samples: Tensor, real: Pictures) -> dict[str, float]:
    if subject.classify is None or len(subject.classes) < 2:
        return {}
    right = [_share(subject.classify(x).cpu() == real.y_N) for x in (samples, real.x_NCHW)]
    return {"sample_accuracy": right[0], "real_accuracy": right[1], "chance": 1 / len(subject.classes)}


def _neighbours(
    samples: Tensor, training: Pictures, by_pixels: Neighbours, by_features: Neighbours, shown: int = 10
) -> tuple[Tensor, Tensor, Tensor]:
    """The samples that are most like a copy, by either measure, each with both its neighbours."""
    nearness_N = torch.minimum(
        by_pixels.nearness_N / by_pixels.nearness_N.median(),
        by_features.nearness_N / by_features.nearness_N.median(),
    )
    place = nearness_N.argsort()[:shown]
    known = training.x_NCHW
    return samples[place], known[by_pixels.place_N[place]], known[by_features.place_N[place]]


def _flat(x_NCHW: Tensor) -> Tensor:
    return from_uint8(x_NCHW).flatten(1)


def _small(x_NCHW: Tensor) -> Tensor:
    x = from_uint8(x_NCHW)
    return (F.adaptive_avg_pool2d(x, PIXELS_SIDE) if x.shape[-1] > PIXELS_SIDE else x).flatten(1)


def _rounded(values_N: Tensor) -> list[float]:
    return [round(value, 4) for value in values_N.tolist()]


def _share(is_so_N: Tensor) -> float:
    return float(is_so_N.double().mean())
