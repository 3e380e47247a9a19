"""One typed configuration a run: what it may say is in `schema`; training_kit reads and explains it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tiny_cats.config.schema import ClassifierConfig, DitConfig
from training_kit import config

Kind: TypeAlias = Literal["classifier", "dit"]
AnyConfig: TypeAlias = ClassifierConfig | DitConfig
Resolved: TypeAlias = config.Resolved[ClassifierConfig] | config.Resolved[DitConfig]

__all__ = [
    "AnyConfig",
    "ClassifierConfig",
    "DitConfig",
    "Kind",
    "Resolved",
    "load_any",
    "resolve_classifier",
    "resolve_dit",
]


def resolve_classifier(path: str | Path, overrides: Sequence[str] = ()) -> config.Resolved[ClassifierConfig]:
    """Reads the YAML file `path` and applies KEY=VALUE overrides. Raises ConfigError, naming all faults."""
    return config.resolve(path, ClassifierConfig, overrides)


def resolve_dit(path: str | Path, overrides: Sequence[str] = ()) -> config.Resolved[DitConfig]:
    """Reads the YAML file `path` and applies KEY=VALUE overrides. Raises ConfigError, naming all faults."""
    return config.resolve(path, DitConfig, overrides)


def load_any(path: Path) -> tuple[Kind, config.Resolved[Any]]:
    """A run's saved configuration, of whichever training. Raises ConfigError where it is none."""
    try:
        is_dit = str(json.loads(path.read_text())["config"]["model"]["preset"]).startswith("tinydit")
    except (OSError, ValueError, KeyError, TypeError):
        is_dit = False  # what is wrong with the file is said by what follows
    if is_dit:
        return "dit", config.load_resolved(path, DitConfig)
    return "classifier", config.load_resolved(path, ClassifierConfig)
