"""Homeport runs Modal apps on your own machine, with the official, unmodified modal client."""

__version__ = "0.1.0"
