"""apt's lists of sources: read in both of their forms, narrowed to one Debian release, written again.

Of a machine's sources only those of the distribution itself are of use for a root file system: suites that
are named after a release. Reading files and running apt is runtime/apt.py's.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

_ROLLING = ("stable", "oldstable", "testing", "unstable", "sid")  # names that move from release to release
_POCKETS = ("", "-updates", "-security")
_SHORT = {"arch": "Architectures", "lang": "Languages", "target": "Targets"}
_OWN_FIELDS = ("Types", "URIs", "Suites", "Components", "Enabled")


@dataclass(frozen=True)
class AptSource:
    """Where packages come from. `options` are further fields as the long form (deb822) names them."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str:
        return dict(self.options).get(name, "")

    def with_option(self, name: str, value: str) -> "AptSource":
        kept = tuple(pair for pair in self.options if pair[0] != name)
        return replace(self, options=(*kept, (name, value)))


def parse_sources(files: Mapping[str, str]) -> list[AptSource]:
    """All sources of packages that are enabled, by the text of each file; its name says which form it has."""
    found: list[AptSource] = []
    for name, text in files.items():
        found.extend(_parse_long(text) if name.endswith(".sources") else _parse_short(text))
    return found


def of_release(sources: Iterable[AptSource], codename: str) -> list[AptSource]:
    """What of the sources is a release's own main archive, with its updates and security fixes."""
    wanted = {f"{codename}{pocket}" for pocket in _POCKETS}
    rolling = {f"{name}{pocket}" for name in _ROLLING for pocket in _POCKETS}
    main = [source for source in sources if "main" in source.components]
    for names in (wanted, rolling):
        kept = [
            replace(source, suites=tuple(suite for suite in source.suites if suite in names))
            for source in main
            if any(suite in names for suite in source.suites)
        ]
        if kept:
            return kept
    return []


def for_another_release(sources: Iterable[AptSource], codename: str) -> list[AptSource]:
    """The same archives' sources for another release: only its name differs in what they are called."""

    def rename(suite: str) -> str:
        pocket = next((pocket for pocket in _POCKETS[1:] if suite.endswith(pocket)), "")
        return f"{codename}{pocket}"

    return [replace(source, suites=tuple(dict.fromkeys(map(rename, source.suites)))) for source in sources]


def render(sources: Iterable[AptSource]) -> str:
    """The sources in the long form."""
    return "\n".join(_render(source) for source in sources)


def _render(source: AptSource) -> str:
    fields = [
        ("Types", "deb"),
        ("URIs", " ".join(source.uris)),
        ("Suites", " ".join(source.suites)),
        ("Components", " ".join(source.components)),
        *source.options,
    ]
    return "".join(f"{name}: {value}\n" for name, value in fields)


def _parse_long(text: str) -> list[AptSource]:
    found = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields = _fields(paragraph)
        if "deb" not in fields.get("Types", "").split() or fields.get("Enabled", "yes").lower() in _NO:
            continue
        options = tuple((name, value) for name, value in fields.items() if name not in _OWN_FIELDS)
        uris, suites, components = (tuple(fields.get(name, "").split()) for name in _OWN_FIELDS[1:4])
        found.append(AptSource(uris, suites, components, options))
    return found


_NO = ("no", "false", "0", "off", "without", "disable")


def _fields(paragraph: str) -> dict[str, str]:
    """Fields of a paragraph; a value's further lines keep their indentation, as a key in Signed-By has it."""
    fields: dict[str, str] = {}
    name = ""
    for line in paragraph.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0] in " \t" and name:
            fields[name] += f"\n{line}"
        else:
            name, _, value = line.partition(":")
            name = _canonical(name.strip())
            fields[name] = value.strip()
    return fields


def _canonical(name: str) -> str:
    """Fields are the same in any case of letters."""
    return "URIs" if name.lower() == "uris" else name.title()


def _parse_short(text: str) -> list[AptSource]:
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)\s*(?:#.*)?", line)
        if match is None:
            continue
        pairs = (pair.partition("=") for pair in (match[1] or "").split())
        options = tuple(
            (_SHORT.get(name.lower(), name.title()), value.replace(",", " ")) for name, _, value in pairs
        )
        found.append(AptSource((match[2],), (match[3],), tuple(match[4].split()), options))
    return found
