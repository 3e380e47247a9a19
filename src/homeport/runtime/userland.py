"""What this machine's userland has of the Debian packages that an image asks for."""

import shutil
from functools import cache
from pathlib import Path

_PROGRAMS = {  # how a package shows where there is no dpkg, or where its programs came another way
    "gcc": ("gcc",),
    "gfortran": ("gfortran",),
    "build-essential": ("gcc", "g++", "make", "dpkg-dev"),
}


def missing_packages(names: tuple[str, ...]) -> list[str]:
    """Those of the packages that containers would not find under /usr."""
    installed = _installed()
    return [name for name in names if name not in installed and not _has_programs(name)]


def _installed() -> frozenset[str]:
    try:
        return _read_status(Path("/var/lib/dpkg/status").stat().st_mtime_ns)
    except OSError:  # another distribution
        return frozenset()


@cache
def _read_status(changed_at: int) -> frozenset[str]:
    found: set[str] = set()
    name = ""
    text = Path("/var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
    for line in text.splitlines():
        if line.startswith("Package: "):
            name = line[9:].strip()
        elif line == "Status: install ok installed":
            found.add(name)
    return frozenset(found)


def _has_programs(name: str) -> bool:
    # only what lies under /usr, without /usr/local: that is what containers see
    programs = [program for program in _PROGRAMS.get(name, (name,)) if program != "dpkg-dev"]
    return all(shutil.which(program, path="/usr/bin:/usr/sbin") for program in programs)
