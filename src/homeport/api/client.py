"""RPCs about the client itself: the greeting, and who the token stands for."""

import getpass
from importlib import metadata

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.environments import DEFAULT_IMAGE_BUILDER

_WORKSPACE = "homeport"


class ClientServicer:
    """`known_version` is the client's version whose messages this engine knows: its own stubs'."""

    def __init__(self, known_version: str | None = None) -> None:
        self._known_version = known_version or metadata.version("modal")

    async def ClientHello(self, request: Empty, caller: Caller) -> api_pb2.ClientHelloResponse:
        response = api_pb2.ClientHelloResponse(image_builder_version=DEFAULT_IMAGE_BUILDER)
        if _numbers(caller.client_version) > _numbers(self._known_version):
            response.server_warnings.add(
                type=api_pb2.Warning.WARNING_TYPE_UNSPECIFIED,
                message=f"This client is modal {caller.client_version}, newer than the "
                f"{self._known_version} that Homeport knows: what is new may be refused. Upgrade Homeport, "
                f"or install modal=={self._known_version}.",
            )
        return response

    async def TokenInfoGet(
        self, request: api_pb2.TokenInfoGetRequest, caller: Caller
    ) -> api_pb2.TokenInfoGetResponse:
        user = _user()
        return api_pb2.TokenInfoGetResponse(
            token_id=caller.metadata.get("x-modal-token-id", ""),
            workspace_id=_WORKSPACE,
            workspace_name=_WORKSPACE,
            user_identity=api_pb2.UserIdentity(user_id=user, username=user),
        )

    async def WorkspaceNameLookup(
        self, request: Empty, caller: Caller
    ) -> api_pb2.WorkspaceNameLookupResponse:
        return api_pb2.WorkspaceNameLookupResponse(workspace_name=_WORKSPACE, username=_user())


def _numbers(version: str) -> tuple[int, ...]:
    """The release numbers of a version such as 1.6.4.dev2; () where there are none."""
    numbers = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without an entry
        return ""
