import numpy as np

from segment.metrics import dice


def fit(depth, steps, out):
    rng = np.random.default_rng(depth)
    truth = rng.random((32, 32)) > 0.5
    seen = truth + 0.3 * rng.normal(size=truth.shape)
    tried = np.linspace(0, 1, steps)
    scores = [dice(seen > threshold, truth) for threshold in tried]
    np.save(out, tried[int(np.argmax(scores))])
    return max(scores)
