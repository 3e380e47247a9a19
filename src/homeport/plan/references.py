"""Names of images as FROM gives them: which registry, which repository, which tag; and aliases for them.

Pure. `ubuntu` is docker.io/library/ubuntu:latest, as everywhere.
"""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass

from homeport.model.errors import InvalidError

LOCAL_DEBIAN = "debian"  # as an alias's target: this machine's base without a Python of its own
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HOST = re.compile(r"(?:[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")


@dataclass(frozen=True)
class Reference:
    """An image's name, whole: `registry` is a host, perhaps with a port."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}{f'@{self.digest}' if self.digest else ''}"

    @property
    def address(self) -> str:
        """As the registry's tools want it: by the digest where there is one."""
        return f"{self.registry}/{self.repository}" + (f"@{self.digest}" if self.digest else f":{self.tag}")

    @property
    def familiar(self) -> str:
        """As people write it."""
        return str(self).removeprefix("docker.io/").removeprefix("library/")

    @property
    def is_loopback(self) -> bool:
        """Whether the registry is on this machine, where plain http is no risk."""
        return _LOOPBACK.fullmatch(self.registry) is not None

    @property
    def host(self) -> str:
        """Where docker.io's registry really is."""
        return "registry-1.docker.io" if self.registry == "docker.io" else self.registry


def parse_reference(name: str) -> Reference:
    """Raises InvalidError for what cannot be an image's name."""
    rest, _, digest = name.partition("@")
    head, slash, tail = rest.partition("/")
    is_host = slash and ("." in head or ":" in head or head == "localhost" or head.lower() != head)
    registry, path = (head, tail) if is_host else ("docker.io", rest)
    if registry in ("index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"):
        registry = "docker.io"
    repository, colon, tag = path.partition(":")
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    is_sound = (
        _HOST.fullmatch(registry)
        and _REPOSITORY.fullmatch(repository)
        and (_TAG.fullmatch(tag) if colon else True)
        and (_DIGEST.fullmatch(digest) if "@" in name else True)
    )
    if not is_sound:
        raise InvalidError(
            f"{name!r} cannot be the name of an image. It has to be like ubuntu:22.04, or "
            "registry.example.com/team/image:tag; repositories are in lower case."
        )
    return Reference(registry, repository, tag or ("" if digest else "latest"), digest)


def find_alias(name: str, aliases: Mapping[str, str]) -> tuple[str, str] | None:
    """The pattern that fits an image's name, and what it stands for: the longest pattern where several fit.

    A pattern without a tag fits every tag.
    """
    forms = _forms(name)
    fitting = [
        pattern
        for pattern in aliases
        if any(fnmatch.fnmatchcase(form, wanted) for form in forms for wanted in _patterns(pattern))
    ]
    if not fitting:
        return None
    best = max(fitting, key=lambda pattern: (len(pattern.replace("*", "")), pattern))
    return best, aliases[best]


def check_pattern(pattern: str) -> str:
    """The pattern, if it can fit an image's name. Raises InvalidError."""
    try:
        parse_reference(re.sub(r"\[[^\]]*\]|[*?]+", "x", pattern))
    except InvalidError:
        raise InvalidError(
            f"{pattern!r} cannot fit an image's name. Give one such as nvidia/cuda:12.4.0-devel, or "
            "a pattern in quotes: 'nvidia/cuda:*'."
        ) from None
    return pattern


def _forms(name: str) -> set[str]:
    try:
        reference = parse_reference(name)
    except InvalidError:
        return {name}
    return {name, str(reference), reference.familiar}


def _patterns(pattern: str) -> list[str]:
    has_tag = ":" in pattern.rpartition("/")[2] or "@" in pattern
    bare = pattern.removeprefix("docker.io/").removeprefix("library/")
    patterns = list(dict.fromkeys((pattern, bare)))
    return patterns if has_tag else [*patterns, *(f"{each}:*" for each in patterns)]
