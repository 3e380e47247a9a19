"""The fixed network, and both distances: exact where a formula knows them, sane on pictures."""

import math

import pytest
import torch

from tiny_cats.evaluation.distances import Space, distance, frechet, kernel
from tiny_cats.evaluation.features import DIGEST, digest, features


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def normal(count: int, width: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(count, width, generator=generator, dtype=torch.float64)


def test_the_network_is_the_one_that_figures_were_taken_with() -> None:
    assert digest() == DIGEST


def test_features_are_of_one_picture_alone_and_of_any_size(generator: torch.Generator) -> None:
    x = torch.randint(0, 256, (3, 3, 64, 64), generator=generator, dtype=torch.uint8)
    assert features(x).dtype == torch.float64
    torch.testing.assert_close(features(x)[1:2], features(x[1:2]), atol=1e-5, rtol=1e-4)
    for side in (32, 128):
        larger = torch.full((1, 3, side, side), 90, dtype=torch.uint8)
        same = torch.full((1, 3, 64, 64), 90, dtype=torch.uint8)
        torch.testing.assert_close(features(larger), features(same), atol=1e-4, rtol=1e-3)


def test_frechet_of_two_gaussians_is_what_the_formula_says(generator: torch.Generator) -> None:
    """Axes apart: (m_a - m_b)^2 + (s_a - s_b)^2 along each (Dowson and Landau 1982)."""
    a = normal(60_000, 3, generator) * torch.tensor([1.0, 2.0, 0.5]) + torch.tensor([0.0, 1.0, 0.0])
    b = normal(60_000, 3, generator) * torch.tensor([3.0, 2.0, 0.5]) + torch.tensor([0.0, 3.0, 1.0])
    assert frechet(a, b) == pytest.approx(4 + 4 + 1, rel=0.03)
    assert frechet(a, a) == pytest.approx(0.0, abs=1e-6)
    turned, _ = torch.linalg.qr(normal(3, 3, generator))
    assert frechet(a @ turned, b @ turned) == pytest.approx(frechet(a, b), rel=1e-6)


def test_the_kernel_distance_of_equal_sets_is_zero_in_the_mean(generator: torch.Generator) -> None:
    """Unbiased: a biased one would be positive by (E k(x, x) - E k(x, y)) / N, about 0.13 here."""
    found = torch.tensor(
        [kernel(normal(30, 4, generator), normal(30, 4, generator)) for _ in range(400)]
    ).double()
    assert abs(found.mean()) < 4 * found.std() / math.sqrt(len(found)) < 0.05
    assert (found < 0).any()


def test_the_kernel_distance_is_the_mean_over_pairs(generator: torch.Generator) -> None:
    a, b = normal(4, 2, generator), normal(3, 2, generator) + 1

    def k(x: torch.Tensor, y: torch.Tensor) -> float:
        return float((x @ y / 2 + 1) ** 3)

    aa = [k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j]
    bb = [k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j]
    ab = [k(x, y) for x in a for y in b]
    expected = sum(aa) / len(aa) + sum(bb) / len(bb) - 2 * sum(ab) / len(ab)
    assert kernel(a, b) == pytest.approx(expected)


def test_unequal_numbers_are_refused(generator: torch.Generator) -> None:
    training = normal(50, 5, generator)
    with pytest.raises(ValueError, match="equal numbers"):
        distance(Space.of(training, 40), training[:40], training[:30])


def test_coordinates_are_fewer_than_pictures_and_hide_nothing(generator: torch.Generator) -> None:
    """What is off the training pictures' plane is in the last coordinate."""
    training = normal(200, 30, generator)
    training[:, 10:] *= 1e-3
    space = Space.of(training, 60)
    assert space.coordinates(training).shape == (200, 10 + 1)
    strange = training.clone()
    strange[:, 29] += 1.0
    assert frechet(space.coordinates(strange), space.coordinates(training)) > 100
