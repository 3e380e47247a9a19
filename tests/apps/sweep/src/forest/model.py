"""Bagged random stumps on a synthetic problem; numpy only."""

import numpy as np


def make_data(seed: int):
    random = np.random.default_rng(seed)
    features = random.normal(size=(600, 8))
    labels = (features[:, 0] + features[:, 1] * features[:, 2] > 0).astype(int)
    return features, labels


def grow(features, labels, depth, random):
    """A tree as nested tuples (column, threshold, left, right) or a label."""
    if depth == 0 or len(set(labels)) < 2:
        return int(labels.mean() >= 0.5) if len(labels) else 0
    column = int(random.integers(features.shape[1]))
    threshold = float(np.median(features[:, column]))
    left = features[:, column] <= threshold
    return (
        column,
        threshold,
        grow(features[left], labels[left], depth - 1, random),
        grow(features[~left], labels[~left], depth - 1, random),
    )


def predict(tree, row):
    while isinstance(tree, tuple):
        tree = tree[2] if row[tree[0]] <= tree[1] else tree[3]
    return tree


def score_fold(depth: int, trees: int, fold: int, seed: int) -> float:
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    features, labels = make_data(seed)
    held_out = np.arange(len(labels)) % 3 == fold
    random = np.random.default_rng((seed, depth, trees, fold))
    forest = [grow(features[~held_out], labels[~held_out], depth, random) for _ in range(trees * 8)]
    votes = np.array([[predict(tree, row) for tree in forest] for row in features[held_out]])
    return float(((votes.mean(axis=1) >= 0.5) == labels[held_out]).mean())
