"""Starting a run: its folder, its environment, its training process, and the verification at its end."""

from seizure.launch.start import launch

__all__ = ["launch"]
