"""A model's velocity loss, measured anew: by no code of the training, at fixed times, on any pictures.

Every model is asked about the same mixtures of the same noise, so that differences are the models'.

Shapes: N pictures, C colours, H = W their sides.
"""

from collections.abc import Callable, Sequence
from statistics import NormalDist

import torch
from torch import Tensor

VelocityOf = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(x_t in [-1, 1] and noise, times, classes) -> velocity x_1 - x_0."""

TIMES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the path from noise (0) to pictures (1). Later, a velocity is what is left of noise, over 1 - t."""
BATCH = 64


@torch.no_grad()
def velocity_losses(
    velocity: VelocityOf,
    pictures_NCHW: Tensor,
    y_N: Tensor,
    *,
    times: Sequence[float] = TIMES,
    device: torch.device | None = None,
    seed: int = 0,
) -> list[float]:
    """E |v(x_t, t, y) - (x_1 - x_0)|^2, a number a colour and pixel, at each time. Pictures in [-1, 1]."""
    device = device or torch.device("cpu")
    generator = torch.Generator().manual_seed(seed)
    sums = [0.0] * len(times)
    for x1, y in zip(torch.split(pictures_NCHW, BATCH), torch.split(y_N, BATCH), strict=True):
        x0 = torch.randn(x1.shape, generator=generator).to(device)
        x1, y = x1.to(device), y.to(device)
        for place, t in enumerate(times):
            v = velocity(torch.lerp(x0, x1, t), x1.new_full((len(x1),), t), y)
            sums[place] += float((v.float() - (x1 - x0)).square().sum())
    return [total / pictures_NCHW.numel() for total in sums]


def mean_as_trained(
    losses: Sequence[float], mean: float, deviation: float, times: Sequence[float] = TIMES
) -> float:
    """The loss under training's logit-normal times, from losses at fixed ones: straight lines between."""
    normal = NormalDist(mean, deviation)
    quantiles = torch.tensor([normal.inv_cdf((k + 0.5) / 512) for k in range(512)], dtype=torch.float64)
    return float(_interpolated(torch.sigmoid(quantiles), times, losses).mean())


def _interpolated(t_N: Tensor, times: Sequence[float], losses: Sequence[float]) -> Tensor:
    at, value = torch.tensor(times, dtype=torch.float64), torch.tensor(losses, dtype=torch.float64)
    t_N = t_N.clamp(times[0], times[-1])
    after = torch.searchsorted(at, t_N).clamp(1, len(times) - 1)
    share = (t_N - at[after - 1]) / (at[after] - at[after - 1])
    return torch.lerp(value[after - 1], value[after], share)
