"""EEG seizure detection: from EDF recordings to scored events.

`python -m seizure --help` lists the commands.
"""

import os

# PyTorch's threads wait for each other hundreds of times a step, and keep their cores busy while they do.
# Where other programs want those cores, a step of the tiny model took 15 s like that, and 1.5 s with threads
# that sleep (two cores, six programs beside). It is read when PyTorch loads, so it is set before.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
