"""What makes up a container: an image's steps, files and where they lie, packages, variables."""
