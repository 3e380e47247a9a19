"""Where a client reaches the command router of a container, and the token that it shows there."""

from modal_proto import api_pb2

from homeport.api import client_versions
from homeport.api.gateway import Caller
from homeport.control.access import Access
from homeport.control.containers import Containers
from homeport.model.errors import NotServedError

_CLIENT = "client"


class RouterAccess:
    """Gives access to one container's commands."""

    def __init__(self, containers: Containers, access: Access) -> None:
        self._containers = containers
        self._access = access

    def give(self, task_id: str, caller: Caller) -> api_pb2.CommandRouterAccess:
        """Raises NotServedError for a caller in a container, and for a client that asks for encryption."""
        if caller.task_id is not None:
            raise NotServedError(
                "Homeport does not serve commands in containers (Sandbox.exec, a Sandbox's output) to code "
                "in a container yet, since the client wants an encrypted connection there. Use them from "
                "outside, such as in a local entrypoint."
            )
        scheme = client_versions.router_scheme(caller.metadata)
        # as the client named this engine: it may have come through a forwarded port
        return api_pb2.CommandRouterAccess(
            url=f"{scheme}://{caller.metadata[':authority']}", jwt=self._access.issue(task_id)
        )

    async def give_live(self, task_id: str, caller: Caller) -> api_pb2.CommandRouterAccess:
        """Once the container runs. Raises NotFoundError where it does not any more."""
        found = self.give(task_id, caller)
        await self._containers.started(task_id)
        return found


class RouterAccessServicer:
    def __init__(self, router: RouterAccess, access: Access) -> None:
        self._router = router
        self._access = access

    async def TaskGetCommandRouterAccess(
        self, request: api_pb2.TaskGetCommandRouterAccessRequest, caller: Caller
    ) -> api_pb2.TaskGetCommandRouterAccessResponse:
        found = await self._router.give_live(request.task_id, caller)
        return api_pb2.TaskGetCommandRouterAccessResponse(url=found.url, jwt=found.jwt)

    async def AuthTokenGet(
        self, request: api_pb2.AuthTokenGetRequest, caller: Caller
    ) -> api_pb2.AuthTokenGetResponse:
        # repeats, in another form, that the caller was let in: requests still show the engine's token.
        # The JavaScript library sends no other request without it.
        return api_pb2.AuthTokenGetResponse(token=self._access.issue(_CLIENT))
