"""Holds runs to what homeport.toml says of them, while they go."""
