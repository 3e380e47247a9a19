"""`python -m benchmarks [NAMES…]`: runs the benchmarks and prints their table."""

import argparse
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.support import figures, machine
from benchmarks.support.bench import Bench
from benchmarks.support.processes import User

# The order matters: what needs a fresh machine first, what fills caches last.
_CALLS = ("hello", "start", "at_once", "remote", "method", "map", "queue")
_OTHERS = (
    "shell",
    "runs",
    "contracts",
    "notes",
    "logs",
    "pages",
    "holdups",
    "rebuild",
    "volume",
    "torch_start",
    "root_file_system",
    "check_speed",
)
NAMES = ("up", "idle", *_CALLS, *_OTHERS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAMES", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument(
        "--runs", type=int, default=20, help="runs of each figure (20); fewer where one takes > 10 s"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table as Markdown")
    parser.add_argument(
        "--as-user", type=int, metavar="UID", help="run engine and client as this user (as root only)"
    )
    parser.add_argument(
        "--scratch", type=Path, default=Path("/tmp"), help="folder for the engine's home (/tmp)"
    )
    parser.add_argument("--keep", action="store_true", help="leave the scratch folder")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, stack: sys.exit(128 + number))  # engines have to end, too
    unknown = [name for name in arguments.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark named {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if arguments.as_user is not None and os.getuid() != 0:
        parser.error("--as-user needs root")
    user = User(arguments.as_user)
    scratch = Path(tempfile.mkdtemp(prefix="hpb-", dir=arguments.scratch))
    user.own(scratch)
    described = machine.describe(str(user))
    found, failed = _run_all(arguments.names or NAMES, Bench(scratch, user, arguments.runs))
    figures.show(found, described)
    if arguments.json:
        arguments.json.write_text(figures.as_json(found, described) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(figures.markdown(found) + "\n")
    if not arguments.keep:
        shutil.rmtree(scratch, ignore_errors=True)
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed or any(figure.passed is False for figure in found) else 0


def _run_all(names: list[str], bench: Bench) -> tuple[list[figures.Figure], list[str]]:
    """Every benchmark's figures; one that cannot run is named and does not stop the others."""
    found: list[figures.Figure] = []
    failed: list[str] = []
    with bench.keep:
        for name in names:
            started = time.monotonic()
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                found += importlib.import_module(f"benchmarks.{name}").run(bench)
            except Exception as error:
                failed.append(f"{name} could not be measured: {type(error).__name__}: {error}")
                print(failed[-1], file=sys.stderr)
            print(f"{name} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return found, failed


if __name__ == "__main__":
    sys.exit(main())
