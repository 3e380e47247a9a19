"""Runs: what is kept of each, how it is put together, and who watches it while it goes."""
