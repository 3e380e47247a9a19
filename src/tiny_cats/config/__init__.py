"""One typed configuration a run: what it may say is in `schema`; training_kit reads and explains it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from tiny_cats.config.schema import ClassifierConfig, DitConfig
from training_kit import config

AnyConfig: TypeAlias = ClassifierConfig | DitConfig
Resolved: TypeAlias = config.Resolved[ClassifierConfig] | config.Resolved[DitConfig]

__all__ = [
    "AnyConfig",
    "ClassifierConfig",
    "DitConfig",
    "Resolved",
    "resolve_classifier",
    "resolve_dit",
]


def resolve_classifier(path: str | Path, overrides: Sequence[str] = ()) -> config.Resolved[ClassifierConfig]:
    """Reads the YAML file `path` and applies KEY=VALUE overrides. Raises ConfigError, naming all faults."""
    return config.resolve(path, ClassifierConfig, overrides)


def resolve_dit(path: str | Path, overrides: Sequence[str] = ()) -> config.Resolved[DitConfig]:
    """Reads the YAML file `path` and applies KEY=VALUE overrides. Raises ConfigError, naming all faults."""
    return config.resolve(path, DitConfig, overrides)
