"""The subcommands of `homeport contract`, a file each."""
