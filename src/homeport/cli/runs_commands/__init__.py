"""The subcommands of `homeport runs`, a file each."""
