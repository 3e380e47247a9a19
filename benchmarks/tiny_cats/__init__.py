"""Benchmarks of the cats pipelines: `python -m benchmarks.tiny_cats.NAME`, a figure a file."""
