"""What skopeo's complaints mean, as a sentence that names the image and what to do.

Pure: takes the program's last words, gives an error. Which words it uses depends on its version; what is not
recognised is shown as it is.
"""

import re

from homeport.model.errors import (
    FailedPreconditionError,
    HomeportError,
    NotFoundError,
    ResourceExhaustedError,
)
from homeport.plan.references import Reference


class RegistryUnreachableError(FailedPreconditionError):
    """Nobody answers at a registry's address: there is no network, or no such registry."""


_UNREACHABLE = (
    "no such host",
    "connection refused",
    "network is unreachable",
    "no route to host",
    "i/o timeout",
    "server misbehaving",
    "Temporary failure in name resolution",
    "TLS handshake timeout",
    "connection reset by peer",
)
_WANTS_LOGIN = (
    "unauthorized",
    "authentication required",
    "denied",
    "status 401",
    "status 403",
    "invalid username",
)
_UNKNOWN = (
    "manifest unknown",
    "name unknown",
    "status 404",
    "StatusCode: 404",
    "404 (Not Found)",
    "name invalid",
    "does not exist",
)
_NONSENSE = (
    "invalid character",
    "unexpected end of JSON",
    "unsupported manifest",
    "unsupported schema",
    "invalid mixed OCI",
)
_CUT_OFF = ("unexpected EOF", "EOF", "http2: server sent GOAWAY", "stream error", "body closed")


def explain(output: str, reference: Reference, *, has_secret: bool) -> HomeportError:
    """The error that the program's output stands for."""
    said = _last_words(output)
    name, registry = reference.familiar, reference.registry
    if "no space left on device" in said or "disk quota exceeded" in said:
        return ResourceExhaustedError(
            f"{name} could not be pulled: no space is left. Free some, or set HOMEPORT_HOME to a folder on "
            "another disk."
        )
    if _has(said, ("x509", "certificate")):
        return FailedPreconditionError(
            f"{name} could not be pulled: {registry} shows a certificate that this machine does not trust "
            f"({said}). Put its authority into /etc/containers/certs.d/{registry}/ca.crt."
        )
    if _has(said, ("server gave HTTP response to HTTPS client",)):
        return FailedPreconditionError(
            f"{name} could not be pulled: {registry} speaks plain http. If you trust the network, say so in "
            f'~/.config/containers/registries.conf: [[registry]] location = "{registry}", insecure = true'
        )
    if "no image found in" in said and "for architecture" in said:
        return FailedPreconditionError(f"{name} has no build for this machine's kind of processor ({said}).")
    if _has(said, ("did not match", "does not match", "invalid digest", "digest mismatch")):
        return FailedPreconditionError(
            f"{name} could not be pulled: {registry} sent content that is not what its digest says ({said}). "
            "Nothing of it was kept. Try again; if it stays, the registry or something between is broken."
        )
    if _has(said, _WANTS_LOGIN):
        return _login(name, registry, has_secret)
    if _has(said, _UNKNOWN):
        return NotFoundError(f"{registry} has no image {name}. Check its name and tag.")
    if _has(said, _UNREACHABLE):
        return RegistryUnreachableError(f"{registry} does not answer ({_cause(said)})")
    if _has(said, _NONSENSE):
        return FailedPreconditionError(
            f"{name} could not be pulled: what answers at {registry} is no image registry ({said}). A proxy "
            "or a login page may stand in the way."
        )
    if found := re.search(r"\b(5\d\d)\b", said) if "status" in said.lower() else None:
        code = found[1]
        return FailedPreconditionError(
            f"{name} could not be pulled: {registry} failed with status {code}. Try again later."
        )
    if _has(said, _CUT_OFF):
        return FailedPreconditionError(
            f"{name} could not be pulled: {registry} broke off in the middle ({said}). Try again: what came "
            "whole is kept."
        )
    return FailedPreconditionError(f"{name} could not be pulled from {registry}: {said}.")


def _login(name: str, registry: str, has_secret: bool) -> HomeportError:
    if has_secret:
        return FailedPreconditionError(
            f"{registry} does not let the Secret's user pull {name}, or has no such image. Check "
            "REGISTRY_USERNAME and REGISTRY_PASSWORD in the Secret."
        )
    return FailedPreconditionError(
        f"{registry} wants a login for {name}, or has no such image. Check its name; for a private one give "
        "secret=modal.Secret.from_name(…) with REGISTRY_USERNAME and REGISTRY_PASSWORD."
    )


def _has(said: str, words: tuple[str, ...]) -> bool:
    return any(word.lower() in said.lower() for word in words)


def _last_words(output: str) -> str:
    """The message of the last line of the log, unquoted."""
    lines = [line for line in output.strip().splitlines() if line.strip()]
    line = next(
        (each for each in reversed(lines) if "level=fatal" in each), lines[-1] if lines else "no reason given"
    )
    found = re.search(r'msg="((?:[^"\\]|\\.)*)"', line)
    text = re.sub(r'\\(["\\])', r"\1", found[1]) if found else line
    return text.strip().rstrip(".")


def _cause(said: str) -> str:
    """The end of a chain of causes."""
    return said.rpartition(": ")[2] or said
