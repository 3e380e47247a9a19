"""Which official clients this engine was seen to serve, and what is said to the others.

Every client is served: definitions are kept as the bytes that came, and an RPC that the engine's stubs lack
is refused by its name. A client that nobody tried is told so, in one line where it runs and one in
engine.log.
"""

import functools
from collections.abc import Mapping
from importlib import metadata

from modal_proto import api_pb2

from homeport.model.errors import NotServedError

OLDEST_PYTHON = "1.4.3"  # the tests' older clients begin here (tests/clients/python)
NEWEST_JAVASCRIPT = "0.11.1"  # tests/clients/js
# where a client begins: what each run, deployment and look-up asks for, and carries warnings to every version
GREETINGS = frozenset({"AppPublish", "AuthTokenGet", "ClientHello", "FunctionGet"})
# the client types of libraries in other languages, whose version says nothing about the package `modal`
_LIBMODAL = frozenset(
    str(kind)
    for kind in (
        api_pb2.CLIENT_TYPE_LIBMODAL,
        api_pb2.CLIENT_TYPE_LIBMODAL_JS,
        api_pb2.CLIENT_TYPE_LIBMODAL_GO,
    )
)
_TRAILERS_SINCE = (1, 6)  # older clients do not read warnings out of a response's trailers
_PLAIN_ROUTER_SINCE = (1, 5)  # older clients reach the command router by TLS alone


@functools.cache
def known() -> str:
    """The version whose messages this engine knows: its own stubs'."""
    return metadata.version("modal")


def python_version(headers: Mapping[str, str]) -> str:
    """The version of the package `modal` that a request comes from, '' for a client in another language."""
    if headers.get("x-modal-client-type", "") in _LIBMODAL:
        return ""
    return headers.get("x-modal-client-version", "")


def reads_trailers(headers: Mapping[str, str]) -> bool:
    """Whether the client shows warnings that come with a response's trailers."""
    version = numbers(python_version(headers))
    return not version or version >= _TRAILERS_SINCE


def router_scheme(headers: Mapping[str, str]) -> str:
    """The scheme of the command router's address; the connection is encrypted for none of them.

    Raises NotServedError for a client that would really encrypt it.
    """
    if headers.get("x-modal-client-type", "") in _LIBMODAL:
        return "https"  # they take no other, and speak plain text to this machine all the same
    version = python_version(headers)
    if () < numbers(version) < _PLAIN_ROUTER_SINCE:
        raise NotServedError(
            "Homeport does not serve commands in containers (modal container exec, modal shell, "
            f"Sandbox.exec) to modal {version}, which asks for an encrypted connection to this machine: "
            "upgrade modal to 1.5 or later."
        )
    return "http"


def remark(headers: Mapping[str, str]) -> str:
    """The line for a client that is newer or older than those that were tried; '' for the others."""
    language, _, library = headers.get("x-modal-libmodal-version", "").partition("/")
    if language == "modal-js" and numbers(library) > numbers(NEWEST_JAVASCRIPT):
        return (
            f"This client is {library} of the JavaScript library, newer than the {NEWEST_JAVASCRIPT} that "
            "Homeport was tried with: what is new in it may be refused."
        )
    if language == "modal-go":
        return "Homeport was not tried with the Go library."
    version = python_version(headers)
    if numbers(version) > numbers(known()):
        return (
            f"This client is modal {version}, newer than the {known()} that Homeport knows: what is new may "
            f"be refused. Upgrade Homeport, or install modal=={known()}."
        )
    if () < numbers(version) < numbers(OLDEST_PYTHON):
        return (
            f"This client is modal {version}, older than the {OLDEST_PYTHON} that Homeport was tried with. "
            f"Where something fails, install modal=={known()}."
        )
    return ""


def numbers(version: str) -> tuple[int, ...]:
    """The release numbers of a version such as 1.6.4.dev2; () where there are none."""
    found = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        found.append(int(part))
    return tuple(found)
