"""The subcommands of `homeport image`, one a file."""
