"""What homeport.toml says of runs: read, and held against what a run shows. Values in, values out."""
