"""What the pipelines share: files written whole, configurations with origins, checkpoints, records of a run.

Functions that more than one pipeline calls, and no more: how a training goes is said in each pipeline.
"""

import os

# PyTorch's threads wait for each other hundreds of times a step, and keep their cores busy while they do.
# Where other programs want those cores, a step of the tiny model took 15 s like that, and 1.5 s with threads
# that sleep (two cores, six programs beside). It is read when PyTorch loads, so it is set before.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
