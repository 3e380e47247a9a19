from .features import band_power
from .version import describe

__all__ = ["band_power", "describe"]
