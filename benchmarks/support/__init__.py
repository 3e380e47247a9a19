"""What the benchmarks share: processes, the engine and the real client around them, references, the table."""
