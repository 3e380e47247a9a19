"""A retried request gets the first one's answer, of its own caller and only a good one."""

import asyncio

import pytest
from modal_proto import api_pb2

from homeport.api.gateway import Gateway
from homeport.api.grpc_server import Request, RpcError
from homeport.model.errors import NotFoundError


class Apps:
    def __init__(self) -> None:
        self.calls = 0
        self.fails = False
        self.go = asyncio.Event()

    async def AppCreate(self, request, caller):
        self.calls += 1
        await self.go.wait()
        if self.fails:
            raise NotFoundError("There is no such environment.")
        return api_pb2.AppCreateResponse(app_id=f"ap-{self.calls}")


def ask(gateway: Gateway, task_id: str | None) -> "asyncio.Task[bytes]":
    path = "/modal.client.ModalClient/AppCreate"
    method = gateway._method(path, gateway._rpcs[path], task_id)
    return asyncio.ensure_future(method.serve(Request(b"", {"x-idempotency-key": "k"}, "")))


def test_a_failure_after_its_client_left_is_not_the_retry_s_answer():
    async def run() -> None:
        apps = Apps()
        gateway = Gateway([apps], "ak", "as")
        apps.fails = True
        first = ask(gateway, None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        apps.go.set()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.sleep(0.01)
        apps.fails = False
        assert api_pb2.AppCreateResponse.FromString(await ask(gateway, None)).app_id == "ap-2"

    asyncio.run(run())


def test_an_answer_belongs_to_its_caller():
    async def run() -> None:
        apps = Apps()
        apps.go.set()
        gateway = Gateway([apps], "ak", "as")
        answers = [await ask(gateway, task) for task in (None, None, "ta-1", "ta-1", "ta-2")]
        ids = [api_pb2.AppCreateResponse.FromString(answer).app_id for answer in answers]
        assert ids == ["ap-1", "ap-1", "ap-2", "ap-2", "ap-3"]

    asyncio.run(run())


@pytest.mark.parametrize("shown", [{}, {"x-modal-token-id": "ak"}, {"x-modal-token-secret": "as", "k": "v"}])
def test_the_door_outside_asks_for_both_parts_of_the_token(shown):
    gateway = Gateway([], "ak", "as")
    with pytest.raises(RpcError, match="homeport env"):
        gateway._admit(shown)
    gateway._admit({"x-modal-token-id": "ak", "x-modal-token-secret": "as"})


def test_the_debug_log_names_each_request_that_is_served(caplog):
    """The page of coverage is made from it."""

    async def run() -> None:
        apps = Apps()
        apps.go.set()
        await ask(Gateway([apps], "ak", "as"), None)

    asyncio.run(run())
    assert "AppCreate" not in caplog.text
    caplog.set_level("DEBUG", "homeport.api.gateway")
    asyncio.run(run())
    assert "serving AppCreate" in caplog.text
