"""Sets up clients that tests use beside the newest Python one: older ones, and the JavaScript library.

`python scripts/compat.py 1.5.5` makes `.venv-compat-1.5.5`, which holds exactly that version of `modal`, with
what `tests/clients/python/1.5.5.lock` names, by hash; what apps of the tests import where the client runs,
such as PyTorch, is found in .venv behind it. With `--tour` the tour runs with each version afterwards: that
is `make compat`. `.venv-compat-js` holds what `package-lock.json` of `tests/clients/js` names, by hash. Where
nothing has to be done this takes a few milliseconds.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from homeport.runtime.package_sources import read_package_sources

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "tests" / "clients" / "python"
JAVASCRIPT = ROOT / "tests" / "clients" / "js"
OLDEST_NODE = 20


def versions() -> list[str]:
    """The versions that have a lock file, the newest first."""
    found = [lock.stem for lock in LOCKS.glob("*.lock")]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")], reverse=True)


def ensure(version: str) -> Path:
    """The folder with the `modal` and `python` of that version, made if need be.

    Raises LookupError with the reason where it cannot be had.
    """
    lock = LOCKS / f"{version}.lock"
    if not lock.is_file():
        raise LookupError(f"there is no {lock.relative_to(ROOT)}; versions are {', '.join(versions())}")
    venv = ROOT / f".venv-compat-{version}"
    made_of = f"{sys.version} {sysconfig.get_path('purelib')}\n{lock.read_text(encoding='utf-8')}"
    _once(venv, made_of, lambda: _install(venv, lock))
    return venv / "bin"


def ensure_javascript() -> Path:
    """The folder `node_modules` with the JavaScript library, made if need be.

    Raises LookupError with the reason where it cannot be had.
    """
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise LookupError("this machine has no node and npm")
    shown = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    if not shown.startswith("v") or int(shown[1:].split(".")[0]) < OLDEST_NODE:
        raise LookupError(
            f"this machine's node is {shown}; the library is tried with {OLDEST_NODE} and later"
        )
    place = ROOT / ".venv-compat-js"
    files = [JAVASCRIPT / "package.json", JAVASCRIPT / "package-lock.json"]

    def install() -> None:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for file in files:
            shutil.copy(file, place)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], place, "the JavaScript library")

    _once(place, "".join(file.read_text(encoding="utf-8") for file in files), install)
    return place / "node_modules"


def _once(place: Path, made_of: str, make: Callable[[], None]) -> None:
    """Makes the folder unless it is made of the same. Of two that start at once, the second finds it done."""
    stamp = place / "homeport-stamp"
    digest = hashlib.sha256(f"{place}\n{made_of}".encode()).hexdigest()
    with (ROOT / f"{place.name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != digest:
            make()
            stamp.write_text(digest, encoding="utf-8")


def _install(venv: Path, lock: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    what = f"modal {lock.stem}"
    _run([uv, "venv", "--quiet", "--clear", "--python", os.path.realpath(sys.executable), venv], ROOT, what)
    into = ["pip", "install", "--quiet", "--python", venv / "bin" / "python"]
    _run([uv, *into, "--require-hashes", "--compile-bytecode", "-r", lock], ROOT, what)
    (site,) = venv.glob("lib/python3.*/site-packages")
    (site / "behind.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")


def _run(command: Sequence[object], cwd: Path, what: str) -> None:
    environment = {**os.environ, **read_package_sources().env}
    environment.setdefault("UV_LINK_MODE", "copy")  # links to a cache on another disk fail with a warning
    done = subprocess.run(list(map(str, command)), env=environment, cwd=cwd, text=True, capture_output=True)
    if done.returncode:
        raise LookupError(f"{what} cannot be installed: {done.stderr.strip()}")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/compat.py",
        description="Older official clients, for the tests.",
        epilog="Examples: scripts/compat.py 1.4.3; scripts/compat.py --tour -k volume",
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="all that have a lock file, if none")
    parser.add_argument(
        "--tour", nargs=argparse.REMAINDER, metavar="OPTION", help="run the tour with each; options of pytest"
    )
    arguments = parser.parse_args()
    failed = []
    for version in arguments.versions or versions():
        try:
            folder = ensure(version)
        except LookupError as error:
            sys.exit(f"compat: {error}")
        print(f"compat: modal {version} is in {folder}", flush=True)
        if arguments.tour is not None:
            command = [sys.executable, "-m", "pytest", "-n", "2", "tests/tour", "--client-version", version]
            if subprocess.call([*command, *arguments.tour], cwd=ROOT):
                failed.append(version)
    if failed:
        print(f"compat: the tour failed with modal {' and '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
