"""Solvers of dx/dt = v(x, t) from t = 0 to 1, in plain arithmetic: for arrays of PyTorch and of NumPy.

`h` is the step; the orders: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, II.1.
"""

from collections.abc import Callable
from typing import Any

Flow = Callable[[Any, float], Any]
"""(x, t) -> velocity, class and guidance given."""
Solver = Callable[[Flow, Any, float, float], Any]
"""(flow, x, t, h) -> x at t + h."""


def euler(flow: Flow, x: Any, t: float, h: float) -> Any:
    """x + h v(x, t): first order, one evaluation a step."""
    return x + h * flow(x, t)


def heun(flow: Flow, x: Any, t: float, h: float) -> Any:
    """Second order: the mean of the velocities at both ends, of which the later is Euler's guess."""
    v = flow(x, t)
    return x + h / 2 * (v + flow(x + h * v, t + h))


def midpoint(flow: Flow, x: Any, t: float, h: float) -> Any:
    """Second order: the velocity in the middle, which half a step of Euler's leads to."""
    return x + h * flow(x + h / 2 * flow(x, t), t + h / 2)


SOLVERS: dict[str, Solver] = {"euler": euler, "heun": heun, "midpoint": midpoint}


def integrate(flow: Flow, x: Any, *, steps: int, solver: str) -> Any:
    """x at t = 1 from x at t = 0, in equal steps.

    Heun's last step is Euler's: a velocity at t = 1 itself is never trained, and one step of first order
    leaves the whole of second order (Karras et al. 2022, arXiv 2206.00364, algorithm 1).
    """
    step, last = SOLVERS[solver], euler if solver == "heun" else SOLVERS[solver]
    h = 1 / steps
    for k in range(steps - 1):
        x = step(flow, x, k * h, h)
    return last(flow, x, 1 - h, h)
