"""Flow matching: the straight path from noise to pictures, the loss that learns its velocity, and EMA.

Lipman et al. 2023 (arXiv 2210.02747) and Liu et al. 2023 (arXiv 2209.03003), in the latter's orientation:
x_t = (1 - t) x_0 + t x_1, with noise x_0 ~ N(0, I) at t = 0 and a picture x_1 in [-1, 1] at t = 1. The
velocity is v = dx_t/dt = x_1 - x_0, in picture units a unit of time. The network learns E[v | x_t].

Shapes: B pictures, C colours, H = W their sides.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

LAST_TIME = 0.98
"""No time beyond is trained: a predicted picture's error grows by 1 / (1 - t) as a velocity, at most 50."""
NEARLY_ONE = 0.999
"""Where a velocity is asked for at the very end of the path, 1 - t counts as at this time."""


class Velocity(Protocol):
    """(x_t, t, class) -> velocity; `null_token` is the class that says no class. TinyDiT is one."""

    null_token: int

    def __call__(self, x_BCHW: Tensor, t_B: Tensor, y_B: Tensor) -> Tensor: ...


def interpolate(x0_BCHW: Tensor, x1_BCHW: Tensor, t_B: Tensor) -> Tensor:
    """x_t = (1 - t) x_0 + t x_1 (Liu et al. 2023, equation 1)."""
    return torch.lerp(x0_BCHW, x1_BCHW, t_B[:, None, None, None])


def velocity_to(x1_BCHW: Tensor, x_BCHW: Tensor, t_B: Tensor) -> Tensor:
    """The velocity at x_t that leads straight to x_1: (x_1 - x_t) / (1 - t)."""
    rest_B = 1 - t_B.clamp(max=NEARLY_ONE)
    return (x1_BCHW - x_BCHW) / rest_B[:, None, None, None]


def draw_times(
    count: int, generator: torch.Generator, *, mean: float = 0.0, deviation: float = 1.0
) -> Tensor:
    """Logit-normal times, t = sigmoid(mean + deviation u), u ~ N(0, 1), none beyond LAST_TIME: (count,).

    Esser et al. 2024 (arXiv 2403.03206), 3.1: the middle of the path is hard, and gets the most draws.
    A negative mean moves draws towards noise.
    """
    u = torch.randn(count, generator=generator, device=generator.device)
    return torch.sigmoid(mean + deviation * u).clamp(max=LAST_TIME)


def spread_times(count: int, *, mean: float = 0.0, deviation: float = 1.0) -> Tensor:
    """The middles of `count` equally likely parts of draw_times' distribution, early to late: (count,)."""
    u = torch.special.ndtri((torch.arange(count) + 0.5) / count)
    return torch.sigmoid(mean + deviation * u).clamp(max=LAST_TIME)


class FlowMatchingLoss:
    """E |v(x_t, t, y) - (x_1 - x_0)|^2, a number a colour and pixel (Liu et al. 2023, equation 1).

    The mean is over times of draw_times, noise, and a class that `label_dropout` of the pictures lose: what
    classifier-free guidance takes the null token's velocity from (Ho and Salimans 2022, arXiv 2207.12598).
    Never zero where pictures differ: v is not a function of x_t.
    """

    def __init__(
        self, *, label_dropout: float = 0.1, time_mean: float = 0.0, time_deviation: float = 1.0
    ) -> None:
        self.label_dropout = label_dropout
        self.time_mean, self.time_deviation = time_mean, time_deviation

    def __call__(
        self,
        model: Callable[[Tensor, Tensor, Tensor], Tensor],
        x1_BCHW: Tensor,
        y_B: Tensor,
        generator: torch.Generator,
        *,
        null_token: int,
    ) -> Tensor:
        """The loss of one batch, a scalar. Draws come from `generator`, on its device."""
        device = x1_BCHW.device
        count = len(x1_BCHW)
        t_B = draw_times(count, generator, mean=self.time_mean, deviation=self.time_deviation).to(device)
        x0_BCHW = torch.randn(x1_BCHW.shape, generator=generator, device=generator.device).to(device)
        lost_B = torch.rand(count, generator=generator, device=generator.device) < self.label_dropout
        y_B = y_B.masked_fill(lost_B.to(device), null_token)
        return velocity_errors(model, x0_BCHW, x1_BCHW, t_B, y_B).mean()


def velocity_errors(
    model: Callable[[Tensor, Tensor, Tensor], Tensor],
    x0_BCHW: Tensor,
    x1_BCHW: Tensor,
    t_B: Tensor,
    y_B: Tensor,
) -> Tensor:
    """|v(x_t, t, y) - (x_1 - x_0)|^2 of each picture, the mean over colours and pixels: (B,)."""
    v_BCHW = model(interpolate(x0_BCHW, x1_BCHW, t_B), t_B, y_B)
    return (v_BCHW - (x1_BCHW - x0_BCHW)).square().flatten(1).mean(dim=1)


class EMA:
    """The exponential moving average of a model's weights, which samples are drawn from.

    After update k the average keeps min(decay, (1 + k) / (10 + k)) of itself, so that the first, random
    weights are soon forgotten (the warm-up of TensorFlow's ExponentialMovingAverage). `every`: updates that
    one pass over the weights stands for; the average then keeps that share to the power of `every`.
    """

    def __init__(self, model: nn.Module, decay: float = 0.9999, *, every: int = 1) -> None:
        self.decay, self.every = decay, every
        self.updates = 0
        self._average = AveragedModel(model, multi_avg_fn=self._blend)
        self._average.requires_grad_(False).eval()
        # AveragedModel's first pass copies; the copy made above is the first
        self._average.n_averaged.fill_(1)

    @property
    def model(self) -> Any:
        """The averaged model, in evaluation mode; it changes as updates come."""
        return self._average.module

    def update(self, model: nn.Module) -> None:
        """To be called after each step of the optimiser."""
        self.updates += 1
        if self.updates % self.every == 0:
            self._average.update_parameters(model)

    def kept(self) -> float:
        """The share of itself that the average keeps at this update."""
        share = min(self.decay, (1 + self.updates) / (10 + self.updates))
        return float(share**self.every)

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates, "weights": self.model.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.updates = int(state["updates"])
        self.model.load_state_dict(state["weights"])

    def _blend(self, averaged: Any, current: Any, _count: Any) -> None:
        torch._foreach_lerp_(averaged, current, 1 - self.kept())
