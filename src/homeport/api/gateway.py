"""Joins the servicers into Modal's gRPC services: the client's, and the command router's.

A servicer is an object whose methods carry RPC names: `async def AppCreate(self, request, caller)` answers a
message, an async generator of the same name answers a stream. Two owners of an RPC, or a method that is no
RPC, fail at start-up. An RPC without an owner answers UNIMPLEMENTED with its own name.

Who calls is known by the door: callers from outside show the engine's token; each container has a server of
its own on a unix socket, and what comes through that socket is that task. Callers of the command router show
a token for one task.
"""

import asyncio
import contextlib
import hmac
import inspect
import logging
import time
import urllib.parse
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from homeport.api import client_versions
from homeport.api.errors import status_of
from homeport.api.grpc_server import (
    GrpcServer,
    Method,
    Request,
    RpcError,
    Status,
    Streaming,
    Unary,
    seconds_of,
)
from homeport.model.errors import HomeportError
from homeport.wire.service import CLIENT, COMMAND_ROUTER, Rpc, rpcs

logger = logging.getLogger(__name__)

_PATH = f"/{CLIENT.full_name}/"
_ROUTER_PATH = f"/{COMMAND_ROUTER.full_name}/"
_IDEMPOTENCY_KEPT_S = 600.0
_IDEMPOTENCY_LIMIT = 4096
# a call's inputs and an input's results: repeating them changes nothing, and remembering answers costs time
_KNOWN_BY_INDEX = frozenset({"FunctionPutInputs", "FunctionPutOutputs"})
# those of Dicts and Queues: they remember their answers themselves, beyond the engine's life, or only read
_REMEMBERED_ELSEWHERE = frozenset(
    {"DictClear", "DictContains", "DictDelete", "DictLen", "DictPop", "DictUpdate"}
    | {"QueueClear", "QueueDelete", "QueueLen", "QueueNextItems", "QueuePut"}
)
_MAX_MESSAGE_BYTES = 100 * 1024 * 1024  # Modal's own limit
_Key = tuple[str, str | None, str]  # an RPC, the task that asked, and the key that it showed


@dataclass
class Caller:
    """Who sent a request. `task_id` is set for a container's requests only, by its socket."""

    task_id: str | None
    metadata: dict[str, str]
    peer: str = ""
    warnings: list[str] = field(default_factory=list)

    def warn(self, sentence: str) -> None:
        """Has the client print a warning, once for each distinct sentence."""
        self.warnings.append(sentence)

    @property
    def client_version(self) -> str:
        """The version of the Python package `modal`, '' of a client in another language."""
        return client_versions.python_version(self.metadata)

    @property
    def request_key(self) -> str:
        """The same for a request and its repetitions, and for no other of any caller; '' shows none."""
        key = self.metadata.get("x-idempotency-key", "")
        return f"{self.task_id or ''}:{key}" if key else ""

    @property
    def is_repeated(self) -> bool:
        """Whether the client asks once more what it got no answer to."""
        return self.metadata.get("x-retry-attempt", "0") != "0"

    @property
    def time_left_s(self) -> float | None:
        """How long the client waits for the answer, None for as long as it takes."""
        return seconds_of(self.metadata.get("grpc-timeout"))

    @property
    def client_id(self) -> str:
        """Tells client connections apart as far as the wire allows."""
        return self.peer


@dataclass(frozen=True)
class Router:
    """The command router's servicers; `subject` tells whom a token is for, or raises HomeportError."""

    servicers: tuple[object, ...] = ()
    subject: Callable[[str], str] = lambda token: ""


class Gateway:
    """Builds gRPC servers that answer for the given servicers."""

    def __init__(
        self, servicers: list[object], token_id: str, token_secret: str, router: Router | None = None
    ) -> None:
        self._token = (token_id.encode(), token_secret.encode())
        self._router = router or Router()
        self._answers: OrderedDict[_Key, tuple[float, asyncio.Future[Any]]] = OrderedDict()
        self._rpcs = {_PATH + name: rpc for name, rpc in rpcs(CLIENT).items()}
        self._rpcs |= {_ROUTER_PATH + name: rpc for name, rpc in rpcs(COMMAND_ROUTER).items()}
        self._remarks: set[str] = set()
        self.owners = _owners(servicers, self._rpcs, _PATH)
        self.owners |= _owners(self._router.servicers, self._rpcs, _ROUTER_PATH)

    def server(self, *, task_id: str | None = None) -> GrpcServer:
        """A server for callers from outside, or for one container's socket. The caller says where."""
        methods: dict[str, Method] = {}  # made when they are first asked for: there are hundreds

        def find(path: str) -> Method | None:
            method = methods.get(path)
            if method is None:
                rpc = self._rpcs.get(path)
                if rpc is None:
                    prefix = next(
                        (prefix for prefix in (_PATH, _ROUTER_PATH) if path.startswith(prefix)), None
                    )
                    return None if prefix is None else Method(_unknown(path.removeprefix(prefix)))
                method = methods[path] = self._method(path, rpc, task_id)
            return method

        if task_id is not None:  # whoever reaches a container's socket is that task
            return GrpcServer(find, max_message_bytes=_MAX_MESSAGE_BYTES)
        return GrpcServer(find, max_message_bytes=_MAX_MESSAGE_BYTES, admit=self._admit)

    def _method(self, path: str, rpc: Rpc, task_id: str | None) -> Method:
        owner = self.owners.get(path)
        if owner is None:
            return Method(_unimplemented(rpc.name))
        if rpc.client_streams:
            return Method(self._collecting(rpc, owner, task_id), sends_many=True)
        if rpc.server_streams:
            return Method(self._streaming(rpc, owner, task_id), streams=True)
        return Method(self._unary(rpc, owner, task_id))

    def _unary(self, rpc: Rpc, owner: Callable[..., Awaitable[Any]], task_id: str | None) -> Unary:
        remembers = _is_mutating(rpc.name)
        greets = task_id is None and rpc.name in client_versions.GREETINGS
        is_logged = logger.isEnabledFor(logging.DEBUG)  # asked once: this is every request's way

        async def serve(incoming: Request) -> bytes:
            if is_logged:
                logger.debug("serving %s %s", rpc.name, task_id or "")
            caller = Caller(task_id, incoming.metadata, incoming.peer)
            request = _decode(rpc, incoming.body)
            key = incoming.metadata.get("x-idempotency-key")
            with _refusals(rpc.name):
                if key and remembers:
                    answer = await self._once((rpc.name, task_id, key), lambda: owner(request, caller))
                else:
                    answer = await owner(request, caller)
            if greets:
                self._remark(caller)
            if caller.warnings:
                answer = _with_warnings(answer, caller, incoming)
            encoded: bytes = answer.SerializeToString()
            return encoded

        return serve

    def _streaming(self, rpc: Rpc, owner: Callable[..., Any], task_id: str | None) -> Streaming:
        is_logged = logger.isEnabledFor(logging.DEBUG)

        async def serve(incoming: Request) -> AsyncIterator[bytes]:
            if is_logged:
                logger.debug("serving %s %s", rpc.name, task_id or "")
            caller = Caller(task_id, incoming.metadata, incoming.peer)
            request = _decode(rpc, incoming.body)
            with _refusals(rpc.name):
                async with contextlib.aclosing(owner(request, caller)) as messages:
                    async for message in messages:
                        yield message.SerializeToString()
            if caller.warnings:
                incoming.trailing.extend(_warning_metadata(caller.warnings))

        return serve

    def _remark(self, caller: Caller) -> None:
        """Says to a client that nobody tried that it is one; once for each version in engine.log."""
        sentence = client_versions.remark(caller.metadata)
        if sentence:
            caller.warn(sentence)
            if sentence not in self._remarks:
                self._remarks.add(sentence)
                logger.warning("%s", sentence)

    def _collecting(self, rpc: Rpc, owner: Callable[..., Awaitable[Any]], task_id: str | None) -> Unary:
        """The owner gets the messages as they come, in place of a request."""

        async def serve(incoming: Request) -> bytes:
            logger.debug("serving %s %s", rpc.name, task_id or "")
            caller = Caller(task_id, incoming.metadata, incoming.peer)

            async def messages() -> AsyncIterator[Any]:
                async for body in incoming.messages():
                    yield _decode(rpc, body)

            with _refusals(rpc.name):
                answer = await owner(messages(), caller)
            encoded: bytes = answer.SerializeToString()
            return encoded

        return serve

    def _admit(self, headers: dict[str, str]) -> None:
        """Raises RpcError where the token is missing or another one."""
        if headers.get(":path", "").startswith(_ROUTER_PATH):
            with _refusals("the command router"):
                self._router.subject(bearer(headers))
            return
        shown = (
            headers.get("x-modal-token-id", "").encode(),
            headers.get("x-modal-token-secret", "").encode(),
        )
        known = [hmac.compare_digest(a, b) for a, b in zip(shown, self._token, strict=True)]
        if not all(known):
            raise RpcError(
                Status.UNAUTHENTICATED,
                'This engine does not know the token that was shown. Run eval "$(homeport env)" in this '
                "shell, or homeport activate, and try again.",
            )

    async def _once(self, key: _Key, call: Callable[[], Awaitable[Any]]) -> Any:
        """The answer of the first call with this key: the client sends a retried request again.

        A failure is not remembered: the retry is there to try again.
        """
        now = time.monotonic()
        while self._answers:
            oldest_key, (at, _) = next(iter(self._answers.items()))
            if len(self._answers) < _IDEMPOTENCY_LIMIT and now - at < _IDEMPOTENCY_KEPT_S:
                break
            del self._answers[oldest_key]
        known = self._answers.get(key)
        if known is not None:
            # shield: one retry that hangs up must not cancel the others' answer
            return await asyncio.shield(known[1])
        future: asyncio.Future[Any] = asyncio.ensure_future(call())
        self._answers[key] = (now, future)

        def forget_failure(done: asyncio.Future[Any]) -> None:
            """Also of a call whose client had left before it failed."""
            known = self._answers.get(key)
            if (done.cancelled() or done.exception() is not None) and known and known[1] is done:
                del self._answers[key]

        future.add_done_callback(forget_failure)
        return await asyncio.shield(future)


def bearer(headers: dict[str, str]) -> str:
    """The token that a caller of the command router shows; empty where there is none."""
    return headers.get("authorization", "").removeprefix("Bearer ")


def _owners(
    servicers: Iterable[object], known: dict[str, Rpc], service_path: str
) -> dict[str, Callable[..., Any]]:
    owners: dict[str, Callable[..., Any]] = {}
    for servicer in servicers:
        for name, method in inspect.getmembers(servicer, callable):
            if not name[:1].isupper():
                continue
            path = service_path + name
            assert path in known, f"{type(servicer).__name__}.{name} is no RPC of Modal's"
            assert path not in owners, f"RPC {name} has two owners, one is {type(servicer).__name__}"
            owners[path] = method
    return owners


def _is_mutating(name: str) -> bool:
    """Whether repeating the RPC could do its work twice. Waiting and reading ones are simply done again, and
    so are those that know by an index what they have done."""
    if name in _KNOWN_BY_INDEX or name in _REMEMBERED_ELSEWHERE:
        return False
    return "GetOrCreate" in name or not any(
        word in name for word in ("Get", "List", "Heartbeat", "Join", "Await", "CheckExistence")
    )


def _warning_metadata(sentences: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple(("x-modal-warning", urllib.parse.quote(sentence)) for sentence in dict.fromkeys(sentences))


def _with_warnings(answer: Any, caller: Caller, incoming: Request) -> Any:
    """The answer for a client with warnings: in a field of it where the client knows no other way."""
    field = answer.DESCRIPTOR.fields_by_name.get("server_warnings")
    if field is None or client_versions.reads_trailers(caller.metadata):
        incoming.trailing.extend(_warning_metadata(caller.warnings))
        return answer
    own = type(answer)()  # the answer itself may be remembered for a retry
    own.CopyFrom(answer)
    for sentence in dict.fromkeys(caller.warnings):
        own.server_warnings.add(message=sentence)
    return own


def _decode(rpc: Rpc, body: bytes) -> Any:
    try:
        return rpc.request.FromString(body)
    except DecodeError:
        raise RpcError(
            Status.INVALID_ARGUMENT, f"The request is no valid {rpc.request.DESCRIPTOR.full_name} message."
        ) from None


@contextlib.contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Turns errors into statuses: those meant for the caller as they are, others as our own failure."""
    try:
        yield
    except HomeportError as error:
        raise RpcError(status_of(error), str(error)) from error
    except RpcError:
        raise
    except Exception as error:
        logger.exception("%s failed", name)
        raise RpcError(
            Status.INTERNAL,
            f"Homeport's engine failed in {name} ({type(error).__name__}: {error}); engine.log has the "
            "details.",
        ) from error


def _unknown(name: str) -> Unary:
    async def serve(incoming: Request) -> bytes:
        raise RpcError(
            Status.UNIMPLEMENTED,
            f"Homeport does not know the RPC {name}, which is newer than modal {client_versions.known()}, "
            "the version that it was made for; a newer Homeport may.",
        )

    return serve


def _unimplemented(name: str) -> Unary:
    async def serve(incoming: Request) -> bytes:
        raise RpcError(
            Status.UNIMPLEMENTED,
            f"Homeport does not serve the RPC {name} yet; docs/coverage.md lists those that it does.",
        )

    return serve
