"""`python -m tiny_cats`: one command a file in commands/, imported only when it is used."""

import sys

from tiny_cats.commands import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
