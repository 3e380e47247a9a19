"""The options of RUN: its mounts, network and security, as text before the command."""

import csv
import posixpath
import re

from homeport.model.errors import InvalidError, NotServedError
from homeport.plan.instructions import RunMount

_KNOWN = {
    "bind": {"type", "target", "dst", "destination", "source", "src", "from", "ro", "readonly"},
    "cache": {
        "type",
        "id",
        "target",
        "dst",
        "destination",
        "ro",
        "readonly",
        "sharing",
        "mode",
        "uid",
        "gid",
    },
    "tmpfs": {"type", "target", "dst", "destination"},
    "secret": {"type", "id", "target", "dst", "destination", "required", "mode", "uid", "gid", "env"},
}
_TARGETS = ("target", "dst", "destination")
_SOURCES = ("source", "src")


def read_run_options(rest: str) -> tuple[str, tuple[RunMount, ...]]:
    """The command without its options, and its mounts. Raises NotServedError by name, InvalidError."""
    mounts = []
    while found := re.match(r"--([a-z]+)=(\S+)(\s+|$)", rest):
        name, value = found[1], found[2].strip("'\"")
        if name == "mount":
            mounts.append(_read_mount(value))
        elif (name, value) not in (("network", "default"), ("network", "host"), ("security", "sandbox")):
            raise NotServedError(f"Homeport does not serve RUN --{name}={value}: remove it.")
        rest = rest[found.end() :]
    if rest.startswith("--"):
        raise NotServedError(f"Homeport does not serve RUN {rest.split()[0]}: remove it.")
    return rest, tuple(mounts)


def _read_mount(text: str) -> RunMount:
    pairs = dict(_pair(part) for part in next(csv.reader([text])))
    kind = pairs.get("type", "bind")
    if kind not in _KNOWN:
        raise NotServedError(
            f"Homeport does not serve RUN --mount=type={kind}: of mounts it serves bind, cache, secret and "
            "tmpfs."
        )
    unknown = sorted(set(pairs) - _KNOWN[kind])
    if unknown:
        raise NotServedError(f"Homeport does not serve {unknown[0]} of RUN --mount=type={kind}: remove it.")
    target = _first(pairs, _TARGETS)
    source = _first(pairs, _SOURCES)
    identifier = pairs.get("id", "")
    if kind == "secret":
        identifier = identifier or posixpath.basename(target)
        target = target or ("" if pairs.get("env") else f"/run/secrets/{identifier}")
        if not identifier:
            raise InvalidError("RUN --mount=type=secret needs an id.")
    elif not target:
        raise InvalidError(f"RUN --mount=type={kind} needs a target.")
    return RunMount(
        kind=kind,
        target=target,
        source=source,
        image=pairs.get("from"),
        id=identifier,
        is_required=_is_true(pairs, "required"),
        is_locked=pairs.get("sharing", "shared") != "shared",
        mode=_mode(pairs.get("mode")),
        variable=pairs.get("env", ""),
    )


def _pair(part: str) -> tuple[str, str]:
    name, equals, value = part.strip().partition("=")
    return name.lower(), value if equals else "true"


def _first(pairs: dict[str, str], names: tuple[str, ...]) -> str:
    return next((pairs[name] for name in names if name in pairs), "")


def _is_true(pairs: dict[str, str], name: str) -> bool:
    return pairs.get(name, "false").lower() in ("true", "1")


def _mode(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"0?[0-7]{3,4}", text):
        raise InvalidError(f"{text!r} is no mode of a mount: give it in octal.")
    return int(text, 8)
