"""What the pipelines share: files written whole, configurations with origins, checkpoints, downloads."""
