"""Pictures out of a sampler: noise, guidance, the way along the flow, and bytes at the end.

The same as sampling.py, which does it on PyTorch while training. Shapes: B pictures, 3 x H x W; y_B classes.
"""

from collections.abc import Callable, Sequence

import numpy as np

from tiny_cats.runtime.models import Bytes, Classes, Floats, Sampler
from tiny_cats.solvers import Flow, integrate


def draw(
    sampler: Sampler,
    classes: Sequence[int],
    *,
    steps: int,
    solver: str,
    guidance: float,
    seed: int,
    batch_size: int,
    announce: Callable[[float], None] = lambda done: None,
) -> Bytes:
    """One picture for each class, uint8 (B, 3, H, W), by its place and the seed, whatever the batch.

    `announce(done)` is called before each use of the model: pictures done, in parts of one.
    """
    pictures = []
    for start in range(0, len(classes), batch_size):
        y_B = np.asarray(classes[start : start + batch_size], np.int64)
        x0 = noise(range(start, start + len(y_B)), sampler.about.size, seed)
        flow = _telling(guided(sampler, y_B, guidance), start, len(y_B), announce)
        pictures.append(to_uint8(integrate(flow, x0, steps=steps, solver=solver)))
    return np.concatenate(pictures)


def noise(places: Sequence[int], size: int, seed: int) -> Floats:
    """Standard normal (B, 3, size, size), of each place its own."""
    return np.stack(
        [np.random.default_rng([seed, k]).standard_normal((3, size, size), np.float32) for k in places]
    )


def guided(sampler: Sampler, y_B: Classes, guidance: float) -> Flow:
    """v(null) + guidance (v(y) - v(null)), both in one batch; 1: the class's own, at half the work."""
    null_B = np.full_like(y_B, sampler.about.null_class)

    def at(x: Floats, t: float) -> Floats:
        if guidance == 1:
            return sampler.velocity(x, np.full(len(x), t, np.float32), y_B)
        t_2B = np.full(2 * len(x), t, np.float32)
        v_class, v_null = np.split(
            sampler.velocity(np.concatenate((x, x)), t_2B, np.concatenate((y_B, null_B))), 2
        )
        v: Floats = v_null + np.float32(guidance) * (v_class - v_null)
        return v

    return at


def to_uint8(x: Floats) -> Bytes:
    """[-1, 1] -> 0 to 255, rounded and cut off at the ends."""
    return (x * np.float32(127.5) + np.float32(127.5)).round().clip(0, 255).astype(np.uint8)


def _telling(flow: Flow, start: int, count: int, announce: Callable[[float], None]) -> Flow:
    def at(x: Floats, t: float) -> Floats:
        announce(start + t * count)
        v: Floats = flow(x, t)
        return v

    return at
