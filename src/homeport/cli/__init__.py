"""The `homeport` command: one command a file, loaded only when it is used.

`root.py` holds the table of commands, `service.py` what commands know of the engine's process. Nothing here
imports modal, grpc or rich at start-up: `homeport up` has half a second, and the engine needs most of it.
"""

import sys


def main() -> None:
    """Entry point of the `homeport` script. Exits with the command's status."""
    from homeport.cli.root import run

    sys.exit(run(sys.argv[1:]))
