"""Happy paths that teach: one idea each, in the commands that a user types."""
