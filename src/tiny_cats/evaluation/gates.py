"""Values in, verdicts out: which bound a trained TinyDiT has to hold, what was expected and what was seen.

Pure; who measures is judge.py. Each gate fails for something that a loss on its own would let pass, which
its sentence names, and test_gates.py shows for noise, a constant, a blurred mean, copies of training pictures
and a model that was never trained.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Literal

from tiny_cats.errors import GateError
from tiny_cats.evaluation.distances import Distance

Outcome = Literal["passed", "failed", "not judged"]

OVER_LINEAR = 1.15  # at a time: near noise the linear predictor is all but the best, and few times are drawn
BELOW_LINEAR = 0.97  # in the mean over times
OF_BLURRED_MEAN = 0.25
OF_NOISE = 0.10
OF_LINEAR = (0.9, 0.4)  # Fréchet, which few pictures raise, and kernel
OVER_TRAINING = 1.25  # held-out loss over training loss
COPIES = 0.05  # of samples; 0.01 of real pictures are, by definition
OVER_RAW = 1.02  # EMA's held-out loss over the raw weights'
AS_REPORTED = (0.75, 1.33)  # training's own loss over that measured anew
OF_REAL_ACCURACY = 0.5  # how often a guided sample is taken for its class, over how often a real picture is
FEWEST = 50  # pictures that a distance, or a share of copies, can be judged on


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate's. `why`: what passes without it. `expected` and `seen` are words with numbers in them."""

    name: str
    outcome: Outcome
    why: str
    expected: str
    seen: str

    def facts(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Measured:
    """What gates judge: all of it measured on the same pictures. Losses are by time, in velocity units.

    `distances` to held-out pictures, in equal numbers: of `samples`, `training pictures` (the floor),
    `noise`, `blurred mean` and `linear model`. Shares: of all samples.
    """

    times: Sequence[float]
    held_out: Sequence[float]
    training: Sequence[float]
    raw_held_out: Sequence[float]
    linear: Sequence[float]
    pictures: int
    distances: Mapping[str, Distance]
    copied_pixels: float
    copied_features: float
    reported_loss: float | None = None  # of training, by itself
    measured_loss: float | None = None  # of the same weights, under the same times
    sample_accuracy: float | None = None
    real_accuracy: float | None = None
    chance: float | None = None


def judge_measured(m: Measured) -> list[Verdict]:
    """Every gate's verdict, in the order of the report."""
    return [
        *_velocity(m),
        _reported(m),
        _overfit(m),
        _average(m),
        *_distances(m),
        *_copies(m),
        _classes(m),
    ]


def insist(verdicts: Sequence[Verdict]) -> None:
    """Raises GateError where a gate failed, naming each with what was expected and seen."""
    failed = [one for one in verdicts if one.outcome == "failed"]
    if failed:
        words = "; ".join(f"{one.name}: expected {one.expected}, seen {one.seen}" for one in failed)
        gates = "gate" if len(failed) == 1 else f"{len(failed)} gates"
        raise GateError(f"{gates} not passed: {words}. The report shows the pictures")


def _velocity(m: Measured) -> Iterator[Verdict]:
    ratios = [_ratio(own, linear) for own, linear in zip(m.held_out, m.linear, strict=True)]
    worst = max(range(len(ratios)), key=lambda place: ratios[place])
    yield _verdict(
        "velocity at each time",
        ratios[worst] <= OVER_LINEAR,
        "A mean over times hides a time that was never learned, such as one that is not fed in.",
        f"held-out loss at most {OVER_LINEAR:g} of the best linear predictor's, at each time",
        f"{ratios[worst]:.3f} at time {m.times[worst]:g}, the worst of {len(ratios)}",
    )
    mean = _ratio(_mean(m.held_out), _mean(m.linear))
    yield _verdict(
        "velocity in the mean",
        mean <= BELOW_LINEAR,
        "A model that knows no more than a mean and a covariance has not learned what a cat is.",
        f"held-out loss at most {BELOW_LINEAR:g} of the best linear predictor's, in the mean over times",
        f"{mean:.3f} ({_mean(m.held_out):.4f} against {_mean(m.linear):.4f})",
    )


def _reported(m: Measured) -> Verdict:
    name, low, high = "loss as reported", *AS_REPORTED
    why = "A loss between a batch and itself is 0 from the first step: small, and about nothing."
    expected = f"training's own loss {low:g} to {high:g} times that measured anew on training pictures"
    if m.reported_loss is None or m.measured_loss is None:
        return Verdict(name, "not judged", why, expected, "training's own loss is not known")
    ratio = _ratio(m.reported_loss, m.measured_loss)
    seen = f"{ratio:.3f} ({m.reported_loss:.4f} against {m.measured_loss:.4f})"
    return _verdict(name, low <= ratio <= high, why, expected, seen)


def _overfit(m: Measured) -> Verdict:
    ratio = _ratio(_mean(m.held_out), _mean(m.training))
    return _verdict(
        "held-out against training loss",
        ratio <= OVER_TRAINING,
        "Many parameters and few pictures: what is learned by heart is not known of other pictures.",
        f"held-out loss at most {OVER_TRAINING:g} times that on training pictures",
        f"{ratio:.3f} ({_mean(m.held_out):.4f} against {_mean(m.training):.4f})",
    )


def _average(m: Measured) -> Verdict:
    ratio = _ratio(_mean(m.held_out), _mean(m.raw_held_out))
    return _verdict(
        "EMA against raw weights",
        ratio <= OVER_RAW,
        "An average without warm-up still holds the random weights that training began with.",
        f"held-out loss of EMA weights at most {OVER_RAW:g} times that of the raw ones",
        f"{ratio:.3f} ({_mean(m.held_out):.4f} against {_mean(m.raw_held_out):.4f})",
    )


def _distances(m: Measured) -> Iterator[Verdict]:
    for rival, bounds, why in (
        ("noise", (OF_NOISE, OF_NOISE), "Noise has a loss, too, and an average over samples cannot see it."),
        (
            "blurred mean",
            (OF_BLURRED_MEAN, OF_BLURRED_MEAN),
            "The least squared error of a picture unseen is a blurred mean.",
        ),
        ("linear model", OF_LINEAR, "Draws from a Gaussian of the same covariance look like ghosts of cats."),
    ):
        name = f"distance against {'the ' if rival != 'noise' else ''}{rival}"
        expected = (
            f"Fréchet distance at most {bounds[0]:g} and kernel distance {bounds[1]:g} of the {rival}'s"
        )
        if m.pictures < FEWEST:
            seen = f"{m.pictures} pictures, where {FEWEST} are the fewest that tell"
            yield Verdict(name, "failed", why, expected, seen)
            continue
        own, other = m.distances["samples"], m.distances[rival]
        frechet, kernel = _ratio(own.frechet, other.frechet), _ratio(own.kernel, other.kernel)
        yield _verdict(
            name,
            frechet <= bounds[0] and kernel <= bounds[1],
            why,
            expected,
            f"Fréchet {frechet:.3f} ({own.frechet:.4g} against {other.frechet:.4g}), "
            f"kernel {kernel:.3f} ({own.kernel:.4g} against {other.kernel:.4g})",
        )


def _copies(m: Measured) -> Iterator[Verdict]:
    for where, share in (("pixels", m.copied_pixels), ("features", m.copied_features)):
        yield _verdict(
            f"copies, by {where}",
            share <= COPIES and m.pictures >= FEWEST,
            "Copies of training pictures are at no distance from real ones at all.",
            f"at most {COPIES:.0%} of samples nearer to a training picture than 99 % of held-out ones are",
            f"{share:.1%} of {m.pictures} samples",
        )


def _classes(m: Measured) -> Verdict:
    name = "class of guided samples"
    why = "Samples that look like cats, but of no breed in particular, have not heard the class."
    expected = (
        f"a classifier names their class at least {OF_REAL_ACCURACY:g} times as often as real pictures'"
    )
    if m.sample_accuracy is None or m.real_accuracy is None or m.chance is None:
        return Verdict(name, "not judged", why, expected, "no classifier, or one class alone")
    if m.real_accuracy <= m.chance:
        seen = f"the classifier names {m.real_accuracy:.1%} of real pictures right, chance is {m.chance:.1%}"
        return Verdict(name, "not judged", why, expected, seen)
    bound = max(m.chance, OF_REAL_ACCURACY * m.real_accuracy)
    seen = f"{m.sample_accuracy:.1%} of samples, {m.real_accuracy:.1%} of real ones, {m.chance:.1%} by chance"
    return _verdict(name, m.sample_accuracy > bound, why, expected, seen)


def _verdict(name: str, is_passed: bool, why: str, expected: str, seen: str) -> Verdict:
    return Verdict(name, "passed" if is_passed else "failed", why, expected, seen)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _ratio(value: float, other: float) -> float:
    """Infinite where a number is none, or nothing is left to compare with: such a value passes no bound."""
    if not (isfinite(value) and isfinite(other)) or other <= 0:
        return float("inf")
    return value / other
