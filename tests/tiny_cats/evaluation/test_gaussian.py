"""The best linear predictor: optimal where pictures are Gaussian, and right about its own loss anywhere."""

import math

import pytest
import torch

from tiny_cats.evaluation.gaussian import Linear, best_linear

P = 12
TIMES = (0.05, 0.3, 0.5, 0.8, 0.95)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def gaussian(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A mean, and a matrix whose product with standard draws has a covariance of its own."""
    kind = {"generator": generator, "dtype": torch.float64}
    return torch.randn(P, **kind), torch.randn(P, P, **kind) / math.sqrt(P)


def draw(count: int, m: torch.Tensor, root: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return m + torch.randn(count, P, generator=generator, dtype=torch.float64) @ root.T


def exact(m: torch.Tensor, root: torch.Tensor) -> Linear:
    values, axes = torch.linalg.eigh(root @ root.T)
    return Linear(m, axes, values, 0.0)


@pytest.mark.parametrize("t", TIMES)
def test_it_is_the_conditional_mean_of_a_gaussian(t: float, generator: torch.Generator) -> None:
    """Against least squares on a great many draws, which knows nothing of the formula."""
    m, root = gaussian(generator)
    x1 = draw(40_000, m, root, generator)
    x0 = torch.randn(x1.shape, generator=generator, dtype=torch.float64)
    x_t, v = (1 - t) * x0 + t * x1, x1 - x0
    ones = torch.ones(len(x_t), 1, dtype=torch.float64)
    weights = torch.linalg.lstsq(torch.cat((x_t, ones), 1), v).solution
    fitted = torch.cat((x_t, ones), 1) @ weights
    fit = exact(m, root)
    assert (fit.velocity(x_t, t) - fitted).abs().mean() < 0.05
    loss = (fit.velocity(x_t, t) - v).square().mean()
    assert loss.item() == pytest.approx(fit.least_loss(t), rel=0.02)
    assert 1.001 * loss.item() >= (fitted - v).square().mean().item()
    assert fit.least_loss(t) == pytest.approx((fitted - v).square().mean().item(), rel=0.02)


def test_its_loss_on_other_pictures_needs_no_draws(generator: torch.Generator) -> None:
    """Pictures that are nothing like a Gaussian, a fit with few axes: the formula against draws."""
    m, root = gaussian(generator)
    fit = exact(m, root).truncated(4)
    x1 = torch.rand(500, P, generator=generator, dtype=torch.float64).pow(3) * 2 - 1
    for t, expected in zip(TIMES, fit.losses(x1, TIMES), strict=True):
        many = x1.repeat(100, 1)
        x0 = torch.randn(many.shape, generator=generator, dtype=torch.float64)
        v = fit.velocity((1 - t) * x0 + t * many, t)
        assert (v - (many - x0)).square().mean().item() == pytest.approx(expected, rel=0.02)


def test_on_its_own_gaussian_both_formulas_agree(generator: torch.Generator) -> None:
    m, root = gaussian(generator)
    fit = exact(m, root)
    x1 = draw(100_000, m, root, generator)
    assert fit.losses(x1, TIMES) == pytest.approx([fit.least_loss(t) for t in TIMES], rel=0.02)


@pytest.mark.parametrize("count", [8, 40])
def test_both_ways_to_eigenvectors_give_the_covariance(count: int, generator: torch.Generator) -> None:
    """Fewer pictures than numbers, and more."""
    m, root = gaussian(generator)
    x = draw(count, m, root, generator)
    fit = Linear.fit(x)
    rebuilt = fit.axes_PK @ torch.diag(fit.variance_K) @ fit.axes_PK.T
    off = torch.eye(P, dtype=torch.float64) - fit.axes_PK @ fit.axes_PK.T
    torch.testing.assert_close(rebuilt + fit.rest * off, torch.cov(x.T), atol=1e-5, rtol=1e-4)


def test_with_fewer_axes_the_variance_is_kept_but_spread(generator: torch.Generator) -> None:
    m, root = gaussian(generator)
    fit = exact(m, root)
    few = fit.truncated(3)
    assert float(few.variance_K.sum() + 9 * few.rest) == pytest.approx(float(fit.variance_K.sum()))


def test_few_pictures_get_few_axes(generator: torch.Generator) -> None:
    """With every axis, the fit of 10 pictures is sure of what it does not know."""
    m, root = gaussian(generator)
    training, held_out = draw(10, m, root, generator), draw(1000, m, root, generator)
    best, whole = best_linear(training, held_out, TIMES), Linear.fit(training)
    assert sum(best.losses(held_out, TIMES)) < sum(whole.losses(held_out, TIMES))
    many = best_linear(draw(4000, m, root, generator), held_out, TIMES)
    assert len(many.variance_K) >= P - 1


def test_its_samples_have_its_mean_and_covariance(generator: torch.Generator) -> None:
    m, root = gaussian(generator)
    fit = exact(m, root).truncated(4)
    x = fit.sample(40_000, generator)
    off = torch.eye(P, dtype=torch.float64) - fit.axes_PK @ fit.axes_PK.T
    wanted = fit.axes_PK @ torch.diag(fit.variance_K) @ fit.axes_PK.T + fit.rest * off
    torch.testing.assert_close(torch.cov(x.T), wanted, atol=0.05, rtol=0)
    torch.testing.assert_close(x.mean(0), m, atol=0.05, rtol=0)


def test_pictures_all_alike_can_be_told_exactly(generator: torch.Generator) -> None:
    fit = Linear.fit(torch.full((20, P), 0.25))
    assert fit.least_loss(0.5) == pytest.approx(0.0, abs=1e-12)
    assert fit.losses(torch.full((5, P), 0.25), (0.5,)) == pytest.approx([0.0], abs=1e-12)
