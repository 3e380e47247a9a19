"""Benchmarks of the EEG pipeline: `python -m benchmarks.seizure.NAME [--quick]`, a figure a file."""
