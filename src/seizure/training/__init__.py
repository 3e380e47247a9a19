"""From a cache to a trained detector: the loop, its checkpoints, its records."""
