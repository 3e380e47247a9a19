"""Benchmarks of Homeport: one file for each row of the table in docs/benchmarks.md. `python -m benchmarks`."""
