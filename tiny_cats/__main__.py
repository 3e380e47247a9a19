"""Lets `python -m tiny_cats …` be typed at the repository's root with any Python, and hands it to .venv's.

A folder without an __init__.py: every Python that has the package itself (src/tiny_cats) passes it over.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"


def main() -> None:
    if not PYTHON.exists():
        sys.exit("error: the pipeline is not set up here: `make cats` makes .venv with all that it needs")
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    os.execve(PYTHON, [str(PYTHON), "-m", "tiny_cats", *sys.argv[1:]], {**os.environ, "PYTHONPATH": path})


if __name__ == "__main__":
    main()
