"""RPCs about the client itself: the greeting, and who the token stands for."""

import getpass

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.environments import DEFAULT_IMAGE_BUILDER

_WORKSPACE = "homeport"


class ClientServicer:
    """What the engine knows of a client's version is added by the gateway (client_versions.py)."""

    async def ClientHello(self, request: Empty, caller: Caller) -> api_pb2.ClientHelloResponse:
        return api_pb2.ClientHelloResponse(image_builder_version=DEFAULT_IMAGE_BUILDER)

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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without an entry
        return ""
