"""From noise to pictures: dx/dt = v(x, t, y) from t = 0 to 1 (solvers.py), with classifier-free guidance.

The caller gives the model whose weights count: the EMA's (flow_matching.EMA.model), not the raw ones.

Shapes: B pictures, C colours (3), H = W their sides.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from tiny_cats.flow_matching import Velocity
from tiny_cats.solvers import Flow, integrate


def guided(model: Velocity, y_B: Tensor, guidance: float) -> Flow:
    """v(null) + guidance (v(y) - v(null)) (Ho and Salimans 2022, equation 6, whose w is guidance - 1).

    1: the class's own velocity, at half the work. 0: no class.
    """

    def at(x_BCHW: Tensor, t: float) -> Tensor:
        if guidance == 1:
            return model(x_BCHW, x_BCHW.new_full((len(x_BCHW),), t), y_B)
        both_B = torch.cat((y_B, torch.full_like(y_B, model.null_token)))
        t_B = x_BCHW.new_full((len(both_B),), t)
        v_class, v_null = model(torch.cat((x_BCHW, x_BCHW)), t_B, both_B).chunk(2)
        return torch.lerp(v_null, v_class, guidance)

    return at


@torch.no_grad()
def sample(
    model: Velocity,
    y_B: Tensor,
    *,
    steps: int = 50,
    solver: str = "heun",
    guidance: float = 1.5,
    size: int,
    generator: torch.Generator,
    batch_size: int = 64,
    advance: Callable[[int], object] | None = None,
) -> Tensor:
    """One picture for each class in y_B: uint8 (B, 3, size, size), on y_B's device.

    The noise comes from `generator`, all of it at once, so that `batch_size` changes no picture.
    `advance` is told how many pictures were finished.
    """
    noise = torch.randn(len(y_B), 3, size, size, generator=generator, device=generator.device)
    pictures = []
    for start in range(0, len(y_B), batch_size):
        x0_BCHW, y = noise[start : start + batch_size].to(y_B.device), y_B[start : start + batch_size]
        x1_BCHW = integrate(guided(model, y, guidance), x0_BCHW, steps=steps, solver=solver)
        pictures.append(to_uint8(x1_BCHW))
        if advance:
            advance(len(y))
    return torch.cat(pictures)


def to_uint8(x_BCHW: Tensor) -> Tensor:
    """[-1, 1] -> 0 to 255, rounded and cut off at the ends."""
    return (x_BCHW.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)


def from_uint8(x_BCHW: Tensor) -> Tensor:
    """0 to 255 -> float32 in [-1, 1]."""
    return x_BCHW.float() / 127.5 - 1
