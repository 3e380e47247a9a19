"""One typed configuration a run: what it may say (`schema`), how it is read and explained (`resolve`)."""

from seizure.config.resolve import Resolved, load_resolved, resolve
from seizure.config.schema import Config

__all__ = ["Config", "Resolved", "load_resolved", "resolve"]
