"""EEG seizure detection: from EDF recordings to scored events.

`python -m seizure --help` lists the commands.
"""

import training_kit  # noqa: F401  (sets how PyTorch's threads wait, which must be done before it loads)
