"""A probability a sample for a whole recording, stitched from overlapping windows.

At each sample the windows that cover it are averaged, weighted by a triangle: a window counts most in its
middle, where the model sees context on both sides. What is padded is left out. Only a batch of windows and
two float32 a sample are held, 180 MB for 24 hours, whatever the recording's channels.

Shapes: B windows, C channels, T samples of the recording, W samples of a window.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from seizure.cache.quantise import FULL_SCALE, Float32, Int16, robust, scales
from seizure.errors import ConfigError
from seizure.signal import Prepared
from seizure.training.checkpoint import TrainedModel


class Windows(Protocol):
    """A recording, quantised, that is read a window at a time: an open `seizure.cache.Shard`, for example."""

    def window(self, start: int, length: int) -> Int16:
        """int16 (C, length) from sample `start`; zeros beyond the recording's end."""
        ...


class ArrayWindows:
    """A quantised recording in memory, or in a memory map, as windows."""

    def __init__(self, q_CT: Int16) -> None:
        self._q_CT = q_CT

    def window(self, start: int, length: int) -> Int16:
        return _padded(np.asarray(self._q_CT[:, start : start + length]), length)


class PreparedWindows:
    """A prepared recording that is quantised a window at a time, to the same values as in the cache."""

    def __init__(self, prepared: Prepared, clip_sigma: float) -> None:
        self._prepared = prepared
        scale_C, _ = scales(prepared, clip_sigma)
        self._steps_C1 = np.divide(1, scale_C, out=np.zeros_like(scale_C), where=scale_C > 0)[:, None]

    def window(self, start: int, length: int) -> Int16:
        y_CT = np.rint(self._prepared.read(start, start + length) * self._steps_C1)
        return _padded(np.clip(y_CT, -FULL_SCALE, FULL_SCALE).astype(np.int16), length)


def probabilities(
    trained: TrainedModel,
    q: Int16 | Windows,
    *,
    stride_s: float,
    batch_size: int,
    n_samples: int | None = None,
    announce: Callable[[int, int], None] = lambda done, of: None,
) -> Float32:
    """p_T float32, 0 to 1, at the model's rate: as many samples as the recording has.

    `q` is the quantised recording (q * clip_sigma / 32767 are robust standard deviations), an array (C, T),
    or `Windows` of `n_samples`. Shorter recordings than a window are padded with zeros. Runs where the model
    lies. `announce(done, of)` is called with windows. Raises ConfigError where the windows would not overlap
    or touch.
    """
    config = trained.config
    if isinstance(q, np.ndarray):
        n_samples, q = q.shape[1], ArrayWindows(q)
    assert n_samples is not None, "Windows do not say how long they are"
    width = config.model.window_s * config.preprocessing.rate_hz
    stride = max(1, round(stride_s * config.preprocessing.rate_hz))
    if stride > width:
        raise ConfigError(
            f"evaluation.stride_s: {stride_s:g} s would leave samples out between windows of "
            f"{config.model.window_s} s: set {config.model.window_s} or less"
        )
    starts = list(window_starts(n_samples, width, stride))
    weights_W = triangle(width)
    p_T, total_T = np.zeros(n_samples, np.float32), np.zeros(n_samples, np.float32)
    for first in range(0, len(starts), batch_size):
        batch = starts[first : first + batch_size]
        for start, p_W in zip(batch, _predict(trained, q, batch, width), strict=True):
            inside = min(width, n_samples - start)
            p_T[start : start + inside] += weights_W[:inside] * p_W[:inside]
            total_T[start : start + inside] += weights_W[:inside]
        announce(min(first + batch_size, len(starts)), len(starts))
    np.divide(p_T, total_T, out=p_T)
    return np.minimum(p_T, np.float32(1), out=p_T)  # sums of float32 may round above it


def window_starts(n_samples: int, width: int, stride: int) -> Iterator[int]:
    """First samples of windows that cover the recording; the last ends with it, if it is long enough."""
    last = max(n_samples - width, 0)
    yield from range(0, last, stride)
    if n_samples:
        yield last


def triangle(width: int) -> Float32:
    """Weights of a window's samples, above 0 everywhere and 1 in the middle."""
    return (1 - np.abs((2 * np.arange(width) + 1) / width - 1) + 1 / width).astype(np.float32)


def _predict(trained: TrainedModel, q: Windows, starts: list[int], width: int) -> NDArray[np.float32]:
    """p_BW of the windows that begin at `starts`."""
    device = next(trained.model.parameters()).device
    x_BCW = np.empty((len(starts), len(trained.channels), width), np.float32)
    for x_CW, start in zip(x_BCW, starts, strict=True):
        robust(q.window(start, width), trained.config.preprocessing.clip_sigma, out=x_CW)
    with torch.inference_mode():
        logits_BW = trained.model(torch.from_numpy(x_BCW).to(device))
        p_BW: NDArray[np.float32] = torch.sigmoid(logits_BW.float()).cpu().numpy()
    return p_BW


def _padded(q_CT: Int16, length: int) -> Int16:
    return np.pad(q_CT, ((0, 0), (0, length - q_CT.shape[1]))) if q_CT.shape[1] < length else q_CT
