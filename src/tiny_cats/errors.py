"""What can go wrong, by name: errors that a user can act on."""

from training_kit.errors import CheckpointError, ConfigError, DivergenceError
from training_kit.errors import UserError as CatsError

__all__ = [
    "CatsError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DivergenceError",
    "ExportError",
    "GateError",
    "ModelError",
    "OutOfMemoryError",
]


class DataError(CatsError):
    """Pictures, or a cache of them, that cannot be used as asked."""


class ModelError(CatsError):
    """A model that cannot be made as asked: an unknown preset, weights that cannot be had."""


class OutOfMemoryError(CatsError):
    """Memory ran out; the message says which batch size fits."""


class GateError(CatsError):
    """A trained model that did not pass a gate: it was measured, and is not good enough."""


class ExportError(CatsError):
    """A model that cannot be exported, or an exported one that cannot be used."""
