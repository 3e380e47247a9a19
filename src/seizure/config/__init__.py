"""One typed configuration a run: what it may say is in `schema`; training_kit reads and explains it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from seizure.config.schema import Config
from training_kit import config

Resolved: TypeAlias = config.Resolved[Config]

__all__ = ["Config", "Resolved", "load_resolved", "resolve"]


def load_resolved(path: Path) -> Resolved:
    """What `Resolved.save` wrote. Raises ConfigError where the file is missing or no such thing."""
    return config.load_resolved(path, Config)


def resolve(path: str | Path, overrides: Sequence[str] = ()) -> Resolved:
    """Reads the YAML file `path` and applies KEY=VALUE overrides. Raises ConfigError, naming all faults."""
    return config.resolve(path, Config, overrides)
