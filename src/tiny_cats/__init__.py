"""Two trainings on pictures of cats: a breed classifier, and TinyDiT, which draws them by flow matching.

`python -m tiny_cats --help` lists the commands.
"""

import training_kit  # noqa: F401  (sets how PyTorch's threads wait, which must be done before it loads)
