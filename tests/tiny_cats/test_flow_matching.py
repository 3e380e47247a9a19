"""The loss, EMA and solvers, on cases whose answer is known."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from tiny_cats import sampling
from tiny_cats.dit import Preset, TinyDiT
from tiny_cats.flow_matching import (
    EMA,
    LAST_TIME,
    FlowMatchingLoss,
    draw_times,
    interpolate,
    spread_times,
    velocity_errors,
    velocity_to,
)
from tiny_cats.solvers import integrate


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


X0 = torch.rand(4, 3, 4, 4, generator=seeded(), dtype=torch.float64)


class Gaussian(nn.Module):
    """The exact velocity where pictures are N(mean, deviation^2) in each number.

    x_t and v = x_1 - x_0 are jointly Gaussian, so E[v | x_t] = m + cov / var (x_t - t m), where
    cov = t s^2 - (1 - t) and var = t^2 s^2 + (1 - t)^2. Along its flow x_1 = m + s x_0.
    """

    null_token = 1

    def __init__(self, mean: float = 0.3, deviation: float = 0.4) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def forward(self, x_BCHW: Tensor, t_B: Tensor, y_B: Tensor) -> Tensor:
        t = t_B[:, None, None, None]
        s2 = self.deviation**2
        slope = (t * s2 - (1 - t)) / (t**2 * s2 + (1 - t) ** 2)
        return self.mean + slope * (x_BCHW - t * self.mean)

    def floor(self, t: float) -> float:
        """E |v - E[v | x_t]|^2 = var(v) - cov^2 / var = s^2 / (t^2 s^2 + (1 - t)^2)."""
        s2 = self.deviation**2
        return s2 / (t**2 * s2 + (1 - t) ** 2)


def test_the_loss_of_the_best_velocity_is_the_closed_forms_floor() -> None:
    best = Gaussian()
    x1 = best.mean + best.deviation * torch.randn(400, 3, 16, 16, generator=seeded(1))
    x0 = torch.randn(400, 3, 16, 16, generator=seeded(2))
    for t in (0.1, 0.5, 0.9):
        errors = velocity_errors(best, x0, x1, torch.full((400,), t), torch.zeros(400).long())
        assert errors.mean().item() == pytest.approx(best.floor(t), rel=0.01)


def test_training_reaches_the_closed_forms_floor() -> None:
    """A TinyDiT of one patch on Gaussian pictures: down to the best loss that there is, and not below."""
    torch.manual_seed(0)
    best = Gaussian(0.3, 0.2)
    model = TinyDiT(Preset(size=4, patch=2, width=32, depth=1, heads=1, dropout=0.0), 1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 200)
    random = seeded()
    loss_of = FlowMatchingLoss()
    y = torch.zeros(128).long()
    for _ in range(200):
        x1 = best.mean + best.deviation * torch.randn(128, 3, 4, 4, generator=random)
        loss = loss_of(model, x1, y, random, null_token=1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.eval()
    x1 = best.mean + best.deviation * torch.randn(4000, 3, 4, 4, generator=seeded(5))
    with torch.no_grad():
        reached = loss_of(model, x1, torch.zeros(4000).long(), seeded(6), null_token=1).item()
        floor = loss_of(best, x1, torch.zeros(4000).long(), seeded(6), null_token=1).item()
    assert floor < reached < 1.1 * floor


def test_the_fresh_loss_is_the_velocitys_mean_square_and_not_zero() -> None:
    """The predecessor's loss was between a batch and itself: zero from the first step."""
    torch.manual_seed(0)
    model = TinyDiT(Preset(size=8, patch=4, width=32, depth=1, heads=1), 1)
    x1 = 0.5 * torch.randn(500, 3, 8, 8, generator=seeded(1))
    loss = FlowMatchingLoss()(model, x1, torch.zeros(500).long(), seeded(), null_token=1)
    assert loss.item() == pytest.approx(1 + x1.square().mean().item(), rel=0.02)  # E |x_1 - x_0|^2


def test_the_fresh_loss_of_a_predicted_picture_is_the_pictures_share_of_it() -> None:
    """Zero predicted: the velocity's error is x_1 / (1 - t)."""
    model = TinyDiT(Preset(size=8, patch=4, width=32, depth=1, heads=1, predicts="image"), 1)
    x1 = 0.5 * torch.randn(500, 3, 8, 8, generator=seeded(1))
    t = torch.full((500,), 0.75)
    errors = velocity_errors(
        model, torch.randn(x1.shape, generator=seeded(2)), x1, t, torch.zeros(500).long()
    )
    torch.testing.assert_close(errors, 16 * x1.square().flatten(1).mean(1))


def test_the_path_starts_in_noise_and_ends_in_the_picture() -> None:
    x0, x1 = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    assert interpolate(x0, x1, torch.zeros(2)).equal(x0)
    assert interpolate(x0, x1, torch.ones(2)).equal(x1)
    t = torch.tensor([0.2, 0.7])
    torch.testing.assert_close(velocity_to(x1, interpolate(x0, x1, t), t), x1 - x0)


def test_times_are_logit_normal() -> None:
    t = draw_times(100_000, seeded(), mean=-0.5, deviation=0.8)
    u = torch.logit(t[t < LAST_TIME])
    assert u.mean().item() == pytest.approx(-0.5, abs=0.02)
    assert u.std().item() == pytest.approx(0.8, abs=0.02)
    assert draw_times(100_000, seeded(), mean=3.0).max() == pytest.approx(LAST_TIME)


def test_times_spread_for_validation_have_the_distribution_of_those_drawn_for_training() -> None:
    u = torch.logit(spread_times(1000, mean=-0.5, deviation=0.8))
    assert u.mean().item() == pytest.approx(-0.5, abs=0.01)
    assert u.std().item() == pytest.approx(0.8, abs=0.02)
    assert spread_times(1000, mean=3.0).max() == pytest.approx(LAST_TIME)


def test_a_tenth_of_the_labels_is_lost_in_training() -> None:
    """Guidance without it would lead away from a velocity that nothing has trained."""
    seen: list[Tensor] = []

    def model(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        seen.append(y)
        return x

    y = torch.arange(10_000) % 5
    FlowMatchingLoss(label_dropout=0.1)(model, torch.zeros(10_000, 1, 1, 1), y, seeded(), null_token=5)
    lost = seen[0] == 5
    assert lost.float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert seen[0][~lost].equal(y[~lost])
    FlowMatchingLoss(label_dropout=0.0)(model, torch.zeros(9, 1, 1, 1), y[:9], seeded(), null_token=5)
    assert seen[1].equal(y[:9])


def test_the_average_forgets_the_first_weights_soon_and_then_keeps_its_decay() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    ema = EMA(model, 0.99)
    nn.init.ones_(model.weight)
    expected = 0.0
    for k in range(1, 2000):
        ema.update(model)
        kept = min(0.99, (1 + k) / (10 + k))
        expected = kept * expected + 1 - kept
        assert ema.kept() == pytest.approx(kept)
        if k == 50:
            assert expected > 0.999  # without the warm-up 0.39
    assert ema.model.weight.item() == pytest.approx(expected)
    assert not ema.model.training
    assert not ema.model.weight.requires_grad


def test_a_pass_for_several_updates_keeps_what_several_passes_would() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    each, fifth = EMA(model, 0.9), EMA(model, 0.9, every=5)
    nn.init.ones_(model.weight)
    each.updates = fifth.updates = 1000  # warm
    for _ in range(20):
        each.update(model)
        fifth.update(model)
    assert each.model.weight.item() == pytest.approx(1 - 0.9**20)
    assert fifth.model.weight.item() == pytest.approx(each.model.weight.item(), abs=1e-6)


def test_a_kept_average_goes_on_where_it_was() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 4)
    ema = EMA(model, 0.9)
    nn.init.normal_(model.weight)
    for _ in range(3):
        ema.update(model)
    state = {"updates": 3, "weights": {k: v.clone() for k, v in ema.state_dict()["weights"].items()}}
    other = EMA(nn.Linear(4, 4), 0.9)
    other.load_state_dict(state)
    for each in (ema, other):
        each.update(model)
    assert other.model.weight.equal(ema.model.weight)


def orders(errors: list[float]) -> list[float]:
    """From the errors at steps of h, h / 2, h / 4 ..."""
    return [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2), ("midpoint", 2)])
def test_a_solver_converges_with_its_order(solver: str, order: int) -> None:
    """On dx/dt = -x^2, and to a Gaussian's end x_1 = m + s x_0 at least as fast."""
    errors = []
    for steps in (40, 80, 160):
        x1 = integrate(lambda x, t: -x.square(), X0, steps=steps, solver=solver)
        errors.append((x1 - X0 / (1 + X0)).abs().max().item())
    assert orders(errors) == pytest.approx([order] * 2, abs=0.1)
    best = Gaussian()
    flow = sampling.guided(best, torch.zeros(len(X0)).long(), 1.0)
    errors = []
    for steps in (40, 80, 160):
        x1 = integrate(flow, X0, steps=steps, solver=solver)
        errors.append((x1 - (best.mean + best.deviation * X0)).abs().max().item())
    assert min(orders(errors)) > order - 0.2


def test_samples_have_the_distribution_that_the_velocity_belongs_to() -> None:
    best = Gaussian()
    images = sampling.sample(best, torch.zeros(64).long(), steps=20, guidance=1, size=16, generator=seeded())
    x = sampling.from_uint8(images)
    assert images.dtype == torch.uint8
    assert images.shape == (64, 3, 16, 16)
    assert x.mean().item() == pytest.approx(best.mean, abs=0.02)
    assert x.std().item() == pytest.approx(best.deviation, rel=0.05)


class ByClass(nn.Module):
    """Velocity 1 towards class 0, 3 towards class 1, 2 for no class (2)."""

    null_token = 2

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return torch.tensor([1.0, 3.0, 2.0])[y][:, None, None, None].expand_as(x)


@pytest.mark.parametrize(("guidance", "expected"), [(0, [2, 2]), (1, [1, 3]), (1.5, [0.5, 3.5])])
def test_guidance_leads_away_from_no_class(guidance: float, expected: list[float]) -> None:
    flow = sampling.guided(ByClass(), torch.tensor([0, 1]), guidance)
    v = flow(torch.zeros(2, 3, 2, 2), 0.5)
    torch.testing.assert_close(v[:, 0, 0, 0], torch.tensor(expected, dtype=torch.float32))


def test_the_batch_size_changes_no_sample() -> None:
    y = torch.zeros(5).long()
    kept = {"steps": 3, "guidance": 2.0, "size": 8}
    whole = sampling.sample(Gaussian(), y, generator=seeded(), **kept)  # type: ignore[arg-type]
    parts = sampling.sample(Gaussian(), y, generator=seeded(), batch_size=2, **kept)  # type: ignore[arg-type]
    assert whole.equal(parts)


def test_pictures_survive_the_way_to_floats_and_back() -> None:
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert sampling.to_uint8(sampling.from_uint8(values)).equal(values)
