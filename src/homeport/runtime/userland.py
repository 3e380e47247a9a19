"""What this machine's userland has of the Debian packages that an image asks for."""

import platform
import re
import shutil
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

_STATUS = Path("/var/lib/dpkg/status")
_PROGRAMS = {  # how a package shows where there is no dpkg, or where its programs came another way
    "gcc": ("gcc",),
    "gfortran": ("gfortran",),
    "build-essential": ("gcc", "g++", "make"),
}


def architecture() -> str:
    """This machine's, as image registries name it, such as amd64."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def missing_packages(names: tuple[str, ...]) -> list[str]:
    """Those of the packages (NAME, NAME:ARCHITECTURE, NAME=VERSION) that containers would not find under
    /usr."""
    installed = _installed()
    return [name for name in names if not _is_there(name, installed)]


def _is_there(wanted: str, installed: dict[str, str]) -> bool:
    name, _, version = wanted.partition("=")
    name = name.partition(":")[0]
    if name in installed:
        return not version or fnmatchcase(installed[name], version)
    return not version and _has_programs(name)


def _installed() -> dict[str, str]:
    """Versions by name of what dpkg knows as installed; a name that is only provided has no version."""
    try:
        return read_status(_STATUS, _STATUS.stat().st_mtime_ns)
    except OSError:  # another distribution
        return {}


@lru_cache(maxsize=1)
def read_status(status: Path, changed_at: int) -> dict[str, str]:
    """Read once for each `changed_at`: a file of megabytes."""
    versions: dict[str, str] = {}
    provided: set[str] = set()
    for paragraph in status.read_text(encoding="utf-8", errors="replace").split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Version|Provides): *(.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" ok installed") and "Package" in fields:
            versions[fields["Package"]] = fields.get("Version", "")
            provided.update(re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9+.-]*)", fields.get("Provides", "")))
    return {**dict.fromkeys(provided, ""), **versions}


def _has_programs(name: str) -> bool:
    # only what lies under /usr, without /usr/local: that is what containers see
    return all(shutil.which(program, path="/usr/bin:/usr/sbin") for program in _PROGRAMS.get(name, (name,)))
