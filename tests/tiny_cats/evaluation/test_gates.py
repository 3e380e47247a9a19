"""What noise, a constant, a blurred mean, copies and models that learned nothing come to: each is measured
as a trained model is, on drawn cats, and fails the gates that are there for it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tiny_cats.data.synth import COATS, draw
from tiny_cats.errors import GateError
from tiny_cats.evaluation.distances import distance
from tiny_cats.evaluation.features import features
from tiny_cats.evaluation.gates import Measured, insist, judge_measured
from tiny_cats.evaluation.gaussian import Linear
from tiny_cats.evaluation.tinydit import Judged, Pictures, Subject, Yardstick, blurred_mean, judge_tinydit
from tiny_cats.evaluation.velocity import VelocityOf
from tiny_cats.sampling import from_uint8, to_uint8

SIZE = 32
TRAINING, HELD_OUT, OTHERS = 200, 80, 80

VELOCITY = {"velocity at each time", "velocity in the mean"}
DISTANCES = {
    "distance against noise",
    "distance against the blurred mean",
    "distance against the linear model",
}
COPIES = {"copies, by pixels", "copies, by features"}


@cache
def drawn() -> tuple[Pictures, Pictures, Tensor]:
    """Training and held-out pictures, and others of the same kind, as a perfect model would draw them."""
    names = list(COATS)
    pictures, classes = [], []
    for number in range(TRAINING + HELD_OUT + OTHERS):
        k = number % len(names)
        image = draw(names[k], SIZE, np.random.default_rng((5, number)))
        pictures.append(torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1))
        classes.append(k)
    x, y = torch.stack(pictures), torch.tensor(classes)
    middle, end = TRAINING, TRAINING + HELD_OUT
    return Pictures(x[:middle], y[:middle]), Pictures(x[middle:end], y[middle:end]), x[end:]


def towards(pictures: Tensor) -> VelocityOf:
    """The exact velocity where these are all pictures there are: each by the share that x_t came from it."""
    known_MP = from_uint8(pictures).flatten(1)

    def velocity(x_BCHW: Tensor, t_B: Tensor, y_B: Tensor) -> Tensor:
        t = float(t_B[0])
        off_BM = torch.cdist(x_BCHW.flatten(1), t * known_MP) ** 2
        shares_BM = torch.softmax(-off_BM / (2 * (1 - t) ** 2), dim=1)
        guess = (shares_BM @ known_MP).view_as(x_BCHW)
        return (guess - x_BCHW) / (1 - t)

    return velocity


def still(x_BCHW: Tensor, t_B: Tensor, y_B: Tensor) -> Tensor:
    """A model as it begins: adaLN-zero gives 0."""
    return torch.zeros_like(x_BCHW)


def always(pictures: Tensor) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda y_B, generator: pictures[: len(y_B)]


def alike(picture: Tensor) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda y_B, generator: picture.expand(len(y_B), -1, -1, -1)


def noise(y_B: Tensor, generator: torch.Generator) -> Tensor:
    return to_uint8(torch.randn(len(y_B), 3, SIZE, SIZE, generator=generator))


def ghosts(y_B: Tensor, generator: torch.Generator) -> Tensor:
    training, _, _ = drawn()
    gaussian = Linear.fit(from_uint8(training.x_NCHW).flatten(1))
    return to_uint8(gaussian.sample(len(y_B), generator).view(-1, 3, SIZE, SIZE))


def named(right: float) -> Callable[[Tensor], Tensor]:
    """A classifier that knows real pictures, and says of the first `right` of anything what they would be."""

    def classify(x_NCHW: Tensor) -> Tensor:
        y_N = drawn()[1].y_N
        if torch.equal(x_NCHW, drawn()[1].x_NCHW):
            return y_N
        is_right = torch.arange(len(y_N)) < right * len(y_N)
        return torch.where(is_right, y_N, (y_N + 1) % len(COATS))

    return classify


@cache
def perfect() -> Subject:
    """Knows held-out pictures as well as training ones, and draws others of their kind."""
    training, held_out, others = drawn()
    knows_all = towards(torch.cat((training.x_NCHW, held_out.x_NCHW)))
    return Subject(average=knows_all, raw=knows_all, sample=always(others), classes=tuple(COATS))


@cache
def yardstick() -> Yardstick:
    training, held_out, _ = drawn()
    return Yardstick.of(training, held_out, HELD_OUT)


def judged(subject: Subject) -> Judged:
    return judge_tinydit(subject, yardstick())


def failed(found: Judged) -> set[str]:
    return {one.name for one in found.verdicts if one.outcome == "failed"}


@cache
def best() -> Judged:
    return judged(replace(perfect(), classify=named(0.9)))


def test_distances_rank_pictures_as_people_do() -> None:
    """By wide margins; the figures on real faces are in docs/cats.md."""
    of = yardstick().distances
    assert of["noise"].frechet > 1.5 * of["blurred mean"].frechet > 20 * of["training pictures"].frechet
    assert of["noise"].kernel > 5 * of["blurred mean"].kernel > 100 * of["training pictures"].kernel


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x: F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False),
        lambda x: (x - 128) * 0.6 + 128,
        lambda x: x[:4].repeat(len(x) // 4, 1, 1, 1),
        lambda x: x.roll(SIZE // 2, 3),
        lambda x: x.mean(1, keepdim=True).expand(-1, 3, -1, -1),
    ],
    ids=["blurred", "of less contrast", "few, many times", "halves swapped", "grey"],
)
def test_what_is_spoilt_is_farther_than_what_is_real(spoil: Callable[[Tensor], Tensor]) -> None:
    _, _, others = drawn()
    real, spoilt = (
        distance(yardstick().space, features(x.to(torch.uint8)), yardstick().real_ND)
        for x in (others, spoil(others.float()))
    )
    assert spoilt.frechet > 1.3 * real.frechet and spoilt.kernel > 5 * abs(real.kernel)


def test_a_perfect_model_passes_every_gate() -> None:
    """With the loss reported that it has, which is measured first."""
    loss = best().measured.measured_loss
    found = judge_measured(replace(best().measured, reported_loss=loss))
    assert [(one.name, one.seen) for one in found if one.outcome != "passed"] == []
    insist(found)


def test_what_is_unknown_is_said_and_not_judged() -> None:
    found = {one.name: one for one in judge_measured(replace(best().measured, sample_accuracy=None))}
    assert found["class of guided samples"].outcome == "not judged"
    assert found["loss as reported"].outcome == "not judged"


@dataclass(frozen=True)
class Impostor:
    name: str
    fails: set[str]
    changed: Callable[[], dict[str, object]] = field(repr=False)


IMPOSTORS = [
    Impostor("samples of noise", DISTANCES, lambda: {"sample": noise}),
    Impostor("a grey picture", DISTANCES, lambda: {"sample": alike(torch.full((1, 3, SIZE, SIZE), 128))}),
    Impostor(
        "the blurred mean", DISTANCES, lambda: {"sample": alike(blurred_mean(drawn()[0].x_NCHW))}
    ),
    Impostor("draws of a Gaussian", {"distance against the linear model"}, lambda: {"sample": ghosts}),
    Impostor("copies", COPIES, lambda: {"sample": always(drawn()[0].x_NCHW)}),
    # drawn cats are lit from one side, which distances tell
    Impostor(
        "copies in a mirror", COPIES | {"distance against the linear model"},
        lambda: {"sample": always(drawn()[0].x_NCHW.flip(-1))},
    ),
    Impostor(
        "never trained", VELOCITY | {"loss as reported"},
        lambda: {"average": still, "raw": still, "reported_loss": 0.0},
    ),
    Impostor(
        "always velocity to the blurred mean", VELOCITY,
        lambda: {"average": (v := towards(blurred_mean(drawn()[0].x_NCHW))), "raw": v},
    ),
    Impostor(
        "blind to time", VELOCITY,
        lambda: {
            "average": (v := lambda x, t, y: perfect().average(x, torch.full_like(t, 0.5), y)), "raw": v
        },
    ),
    Impostor(
        "training pictures by heart", VELOCITY | {"held-out against training loss"},
        lambda: {"average": (v := towards(drawn()[0].x_NCHW)), "raw": v},
    ),
    Impostor(
        "an average that never moved", VELOCITY | {"EMA against raw weights"}, lambda: {"average": still}
    ),
    Impostor("no word of its class", {"class of guided samples"}, lambda: {"classify": named(0.2)}),
]  # fmt: skip


@pytest.mark.parametrize("impostor", IMPOSTORS, ids=lambda one: one.name)
def test_each_impostor_fails_the_gates_that_are_there_for_it_and_no_others(impostor: Impostor) -> None:
    found = judged(replace(perfect(), **impostor.changed()))  # type: ignore[arg-type]
    assert failed(found) == impostor.fails
    with pytest.raises(GateError, match=r"not passed: .*expected .*seen"):
        insist(found.verdicts)


def test_every_gate_has_an_impostor() -> None:
    gates = {one.name for one in best().verdicts}
    assert gates == set().union(*(impostor.fails for impostor in IMPOSTORS))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_passes_no_gate(value: float) -> None:
    m = best().measured
    spoilt = replace(
        m, held_out=[value] * len(m.times), distances={**m.distances, "samples": replace(
            m.distances["samples"], frechet=value
        )}, reported_loss=value,
    )  # fmt: skip
    expected = VELOCITY | DISTANCES | {"EMA against raw weights", "held-out against training loss"}
    assert {one.name for one in judge_measured(spoilt) if one.outcome == "failed"} >= expected


def test_few_pictures_pass_no_gate_that_they_cannot_tell() -> None:
    few: Measured = replace(best().measured, pictures=20)
    assert {one.name for one in judge_measured(few) if one.outcome == "failed"} == DISTANCES | COPIES
