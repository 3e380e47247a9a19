"""Where a run's corpus lies, and which of its settings may change from one life of it to the next."""

from pathlib import Path

from seizure.config import Resolved
from seizure.errors import ConfigError

# A resumed run may differ in these: none of them changes what is learned.
MAY_DIFFER = (
    *("strict_env", "cache.processes", "training.workers", "training.compile", "training.keep_checkpoints"),
    *("training.log_every_steps", "training.checkpoint_every_steps"),
    *("postprocessing.", "evaluation.", "tracking."),
)


def corpus_folder(resolved: Resolved, data_dir: Path) -> Path:
    """Where the run's corpus lies. Raises ConfigError where there is no such folder."""
    data = data_dir / resolved.config.data.root
    if not data.is_dir():
        raise ConfigError(
            f"{data} is no folder: name the corpus by --data DIR, or make one: "
            "python -m seizure synth data/synthetic"
        )
    return data
