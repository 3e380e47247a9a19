"""Benchmarks of Homeport, one file for each row of docs/benchmarks.md. Run: `python -m benchmarks`."""
