"""A web function's endpoint: redirects, refusals, and what a browser gets when the app fails."""

import asyncio
from typing import Any

import pytest

from homeport.control.web_calls import WebCalls
from homeport.model.errors import FailedPreconditionError
from homeport.web.endpoint import Endpoint
from homeport.web.pages.door import Door


class PlayedCall:
    """A call whose messages a test plays."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.call_id = "fc-1"
        self.failure = ""
        self.heard: list[dict[str, Any]] = []
        self.answers: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.is_forgotten = False

    def send(self, message: dict[str, Any]) -> None:
        self.heard.append(message)

    async def next(self) -> dict[str, Any] | None:
        return await self.answers.get()

    async def forget(self) -> None:
        self.is_forgotten = True

    def answer(self, text: bytes) -> None:
        self.answers.put_nowait({"type": "http.response.start", "status": 200, "headers": []})
        self.answers.put_nowait({"type": "http.response.body", "body": text, "more_body": False})
        self.answers.put_nowait(None)


class PlayedCalls(WebCalls):
    def __init__(self) -> None:
        self.begun: list[PlayedCall] = []
        self.error: Exception | None = None

    def begin(self, function_id: str, method: str, scope: dict[str, Any]) -> Any:
        if self.error is not None:
            raise self.error
        self.begun.append(PlayedCall(scope))
        return self.begun[-1]


class Browser:
    """One request to an endpoint."""

    def __init__(self, endpoint: Endpoint, path: str = "/", query: bytes = b"", **headers: str) -> None:
        self.sent: list[Any] = []
        self._has_left = asyncio.Event()
        self._messages: list[dict[str, Any]] = [{"type": "http.request", "body": b"cat", "more_body": False}]
        pairs = {"host": "localhost:1", **headers}
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": query,
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in pairs.items()],
            "server": ("127.0.0.1", 1),
        }
        self.done = asyncio.ensure_future(endpoint(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop()
        await self._has_left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    def leave(self) -> None:
        self._has_left.set()

    async def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        await asyncio.wait_for(self.done, 5)
        body = b"".join(message.get("body", b"") for message in self.sent[1:])
        return self.sent[0]["status"], dict(self.sent[0]["headers"]), body


def test_an_answer_that_takes_long_is_waited_for_by_redirects() -> None:
    async def scene() -> None:
        calls = PlayedCalls()
        endpoint = Endpoint(calls, "fu-1", "", redirect_s=0.02)
        status, headers, _ = await Browser(endpoint, "/cats", b"x=1&y=").answer()
        assert status == 303
        assert headers[b"location"] == b"/cats?x=1&y=&__modal_function_call_id=fc-1"
        query = headers[b"location"].partition(b"?")[2]
        status, headers, _ = await Browser(endpoint, "/cats", query).answer()
        assert (status, headers[b"location"].partition(b"?")[2]) == (303, query)
        [call] = calls.begun
        assert not call.is_forgotten
        call.answer(b"meow")
        assert (await Browser(endpoint, "/cats", query).answer())[::2] == (200, b"meow")
        assert [message["type"] for message in call.heard] == ["http.request"], "the request is told once"
        await endpoint.close()
        assert call.is_forgotten

    asyncio.run(scene())


def test_an_app_that_fails_is_answered_with_why() -> None:
    async def scene() -> None:
        calls = PlayedCalls()
        endpoint = Endpoint(calls, "fu-1", "")
        browser = Browser(endpoint)
        await asyncio.sleep(0)
        calls.begun[0].failure = "ValueError('no such cat')"
        calls.begun[0].answers.put_nowait(None)
        status, _, body = await browser.answer()
        assert status == 500
        assert b"ValueError('no such cat')" in body
        await endpoint.close()

    asyncio.run(scene())


def test_an_answer_that_breaks_off_breaks_the_connection() -> None:
    async def scene() -> None:
        calls = PlayedCalls()
        endpoint = Endpoint(calls, "fu-1", "")
        browser = Browser(endpoint)
        await asyncio.sleep(0)
        call = calls.begun[0]
        call.answers.put_nowait({"type": "http.response.start", "status": 200, "headers": []})
        call.answers.put_nowait({"type": "http.response.body", "body": b"half", "more_body": True})
        call.answers.put_nowait(None)
        with pytest.raises(ConnectionAbortedError):
            await browser.answer()
        await endpoint.close()

    asyncio.run(scene())


def test_a_browser_that_leaves_after_the_answer_leaves_the_app_its_background_work() -> None:
    async def scene() -> None:
        calls = PlayedCalls()
        endpoint = Endpoint(calls, "fu-1", "")
        browser = Browser(endpoint)
        await asyncio.sleep(0)
        call = calls.begun[0]
        call.answer(b"soon")
        assert call.answers.get_nowait()["type"] == "http.response.start"  # type: ignore[index]
        end = [call.answers.get_nowait() for _ in range(2)]
        call.answers.put_nowait({"type": "http.response.start", "status": 200, "headers": []})
        call.answers.put_nowait(end[0])
        browser.leave()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not browser.done.done()
        assert not call.is_forgotten
        call.answers.put_nowait(None)
        assert (await browser.answer())[2] == b"soon"
        await endpoint.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:80"}, 200),
        ({"host": "[::1]:80"}, 200),
        ({"host": "cats.localhost"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example:80"}, 403),
    ],
)
def test_only_this_machine_s_names_are_served(headers: dict[str, str], status: int) -> None:
    async def scene() -> None:
        calls = PlayedCalls()
        endpoint = Endpoint(calls, "fu-1", "")
        browser = Browser(endpoint, **headers)
        await asyncio.sleep(0)
        for call in calls.begun:
            call.answer(b"meow")
        assert (await browser.answer())[0] == status
        await endpoint.close()

    asyncio.run(scene())


def test_an_app_never_sees_the_cookie_that_opens_the_run_pages() -> None:
    async def scene() -> None:
        calls = PlayedCalls()
        endpoint = Endpoint(calls, "fu-1", "")
        door = Door("ak", "as")
        own = f"{door.cookie}={door.issue_session()}"
        browsers = [Browser(endpoint, cookie=f"a=1; {own}; b=2"), Browser(endpoint, cookie=own)]
        await asyncio.sleep(0)
        for call in calls.begun:
            call.answer(b"ok")
        for browser in browsers:
            await browser.answer()
        cookies = [dict(call.scope["headers"]).get(b"cookie") for call in calls.begun]
        assert cookies == [b"a=1; b=2", None]
        await endpoint.close()

    asyncio.run(scene())


def test_a_closed_function_asks_for_both_keys_and_an_app_that_stopped_says_so() -> None:
    async def scene() -> None:
        calls = PlayedCalls()
        closed = Endpoint(calls, "fu-1", "", secret=("ak-1", "as-1"))
        assert (await Browser(closed).answer())[0] == 401
        assert (await Browser(closed, modal_key="ak-1").answer())[0] == 401
        assert (await Browser(closed, modal_key="ak-1", modal_secret="as-é").answer())[0] == 401
        browser = Browser(closed, modal_key="ak-1", modal_secret="as-1")
        await asyncio.sleep(0)
        calls.begun[0].answer(b"in")
        assert (await browser.answer())[0] == 200
        calls.error = FailedPreconditionError("App ap-1 has stopped.")
        opened = Endpoint(calls, "fu-1", "")
        assert (await Browser(opened).answer())[::2] == (503, b"App ap-1 has stopped.\n")
        await closed.close()

    asyncio.run(scene())
