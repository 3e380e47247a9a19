"""`python -m benchmarks.check.verify [APPS…]`: runs the apps on an engine of their own, and notes which ran.

What is noted (verified.json) is each app's digest, so that a test sees an app that was changed since then.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from benchmarks.check.apps import App, by_name
from benchmarks.support.bench import Bench, Server
from benchmarks.support.processes import User

VERIFIED = Path(__file__).parent / "verified.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check.verify", description=__doc__)
    parser.add_argument("apps", nargs="*", metavar="APPS", help="of benchmarks/check/apps.py; default: all")
    parser.add_argument("--timeout", type=int, default=900, metavar="SECONDS", help="for a command (900)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, stack: sys.exit(128 + number))  # the engine has to end, too
    failed = []
    scratch = Path(tempfile.mkdtemp(prefix="hpc-", dir="/tmp"))
    try:
        bench = Bench(scratch, User(None), 1)
        with bench.keep:
            engine = bench.engine()
            for app in by_name(arguments.apps):
                started = time.monotonic()
                print(f"{app.name} … ", end="", flush=True)
                wrong = run(app, engine, scratch / "at" / app.name, arguments.timeout)
                print(wrong or f"ran, {time.monotonic() - started:.0f} s", flush=True)
                if wrong:
                    failed.append(app.name)
                else:
                    _note(app, time.monotonic() - started)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


def run(app: App, engine: Server, folder: Path, timeout_s: float) -> str:
    """What went wrong, empty if nothing did: each command has to succeed, and to print what it should."""
    shutil.copytree(app.root, folder)
    printed = ""
    env = {**os.environ, **engine.client_env, "NO_COLOR": "1"}
    for alias in app.aliases:
        homeport(engine, "image", "alias", alias, "debian")
    for command in app.commands:
        words = command.split()
        argv = words[1:] if words[0] == "python" else ["-m", "modal", *words]
        done = subprocess.run(
            [sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True, timeout=timeout_s
        )
        printed += done.stdout + done.stderr
        if done.returncode:
            return f"FAILED at {command}:\n{printed[-3000:]}"
    return "" if app.prints in printed else f"FAILED: {app.prints!r} is not in\n{printed[-3000:]}"


def homeport(engine: Server, *command: str) -> None:
    assert engine.home is not None
    environment = {**os.environ, "HOMEPORT_HOME": str(engine.home)}
    subprocess.run(
        [str(Path(sys.executable).parent / "homeport"), *command],
        env=environment,
        check=True,
        capture_output=True,
    )


def _note(app: App, seconds: float) -> None:
    known = json.loads(VERIFIED.read_text()) if VERIFIED.exists() else {}
    known[app.name] = {"digest": app.digest(), "on": str(date.today()), "seconds": round(seconds)}
    VERIFIED.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
