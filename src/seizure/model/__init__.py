"""The detector: a 1-D U-Net with a transformer in the middle, in two sizes of the same code."""

from seizure.model.network import SeizureNet, build_model
from seizure.model.presets import PRESETS, Preset

__all__ = ["PRESETS", "Preset", "SeizureNet", "build_model"]
