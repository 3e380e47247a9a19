"""How the learning rate goes over a training."""

import math


def learning_rate_share(step: int, *, warmup_steps: int, steps: int) -> float:
    """Share of the full learning rate at `step` (from 0): linear warm-up, then half a cosine down to 1 %."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done))
