"""Joins the servicers into Modal's one gRPC service.

A servicer is an object whose methods carry RPC names: `async def AppCreate(self, request, caller)` answers a
message, an async generator of the same name answers a stream. Two owners of an RPC, or a method that is no
RPC, fail at start-up. An RPC without an owner answers UNIMPLEMENTED with its own name.

Who calls is known by the door: callers from outside show the engine's token; each container has a server of
its own on a unix socket, and what comes through that socket is that task.
"""

import asyncio
import hmac
import inspect
import logging
import time
import urllib.parse
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from homeport.api.errors import status_of
from homeport.model.errors import HomeportError
from homeport.wire.service import SERVICE_NAME, Rpc, rpcs

logger = logging.getLogger(__name__)

_IDEMPOTENCY_KEPT_S = 600.0
_IDEMPOTENCY_LIMIT = 4096
# a call's inputs and an input's results: repeating them changes nothing, and remembering answers costs time
_KNOWN_BY_INDEX = frozenset({"FunctionPutInputs", "FunctionPutOutputs"})
_MAX_MESSAGE_BYTES = 100 * 1024 * 1024  # Modal's own limit
# Messages this long at most are compressed away by nobody: loopback needs no compression.
SERVER_OPTIONS = [
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.keepalive_permit_without_calls", 1),
]


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
        return self.metadata.get("x-modal-client-version", "")

    @property
    def client_id(self) -> str:
        """Tells client connections apart as far as the wire allows."""
        return self.peer


class Gateway:
    """Builds gRPC servers that answer for the given servicers."""

    def __init__(self, servicers: list[object], token_id: str, token_secret: str) -> None:
        self._token = (token_id.encode(), token_secret.encode())
        self._answers: OrderedDict[tuple[str, str], tuple[float, asyncio.Future[Any]]] = OrderedDict()
        self._rpcs = rpcs()
        self.owners = _owners(servicers, self._rpcs)

    def server(self, *, task_id: str | None = None) -> grpc.aio.Server:
        """A server for callers from outside, or for one container's socket. The caller adds the port."""
        server = grpc.aio.server(options=SERVER_OPTIONS)
        handlers = {name: self._handler(rpc, task_id) for name, rpc in self._rpcs.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE_NAME, handlers),))
        return server

    def _handler(self, rpc: Rpc, task_id: str | None) -> grpc.RpcMethodHandler:
        method = self.owners.get(rpc.name)
        serve: Callable[..., Any]
        if method is None:
            serve = _unimplemented_stream(rpc.name) if rpc.server_streams else _unimplemented(rpc.name)
        elif rpc.server_streams:
            serve = self._streaming(rpc, method, task_id)
        else:
            serve = self._unary(rpc, method, task_id)
        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[rpc.client_streams, rpc.server_streams]
        return make(
            serve,
            request_deserializer=rpc.request.FromString,
            response_serializer=rpc.response.SerializeToString,
        )

    def _unary(self, rpc: Rpc, method: Callable[..., Awaitable[Any]], task_id: str | None) -> Any:
        remembers = _is_mutating(rpc.name)

        async def serve(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            caller = await self._admit(context, task_id)
            logger.debug("serving %s %s", rpc.name, task_id or "")
            try:
                key = caller.metadata.get("x-idempotency-key")
                if key and remembers:
                    answer = await self._once(rpc.name, key, lambda: method(request, caller))
                else:
                    answer = await method(request, caller)
            except HomeportError as error:
                await context.abort(status_of(error), str(error))
            except Exception as error:
                await _abort_internal(context, rpc.name, error)
            if caller.warnings:
                context.set_trailing_metadata(_warning_metadata(caller.warnings))
            return answer

        return serve

    def _streaming(self, rpc: Rpc, method: Callable[..., Any], task_id: str | None) -> Any:
        async def serve(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            caller = await self._admit(context, task_id)
            logger.debug("serving %s %s", rpc.name, task_id or "")
            try:
                async for message in method(request, caller):
                    yield message
            except HomeportError as error:
                await context.abort(status_of(error), str(error))
            except Exception as error:
                await _abort_internal(context, rpc.name, error)
            if caller.warnings:
                context.set_trailing_metadata(_warning_metadata(caller.warnings))

        return serve

    async def _admit(self, context: grpc.aio.ServicerContext[Any, Any], task_id: str | None) -> Caller:
        metadata = {
            str(key): value if isinstance(value, str) else value.decode("latin-1")
            for key, value in context.invocation_metadata() or ()
        }
        if task_id is None:
            shown = (
                metadata.get("x-modal-token-id", "").encode(),
                metadata.get("x-modal-token-secret", "").encode(),
            )
            known = [hmac.compare_digest(a, b) for a, b in zip(shown, self._token, strict=True)]
            if not all(known):
                await context.abort(
                    grpc.StatusCode.UNAUTHENTICATED,
                    'This engine does not know the token that was shown. Run eval "$(homeport env)" in this '
                    "shell, or homeport activate, and try again.",
                )
        return Caller(task_id, metadata, context.peer())

    async def _once(self, name: str, key: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """The answer of the first call with this key: the client sends a retried request again.

        A failure is not remembered: the retry is there to try again.
        """
        now = time.monotonic()
        while self._answers:
            oldest_key, (at, _) = next(iter(self._answers.items()))
            if len(self._answers) < _IDEMPOTENCY_LIMIT and now - at < _IDEMPOTENCY_KEPT_S:
                break
            del self._answers[oldest_key]
        known = self._answers.get((name, key))
        if known is not None:
            # shield: one retry that hangs up must not cancel the others' answer
            return await asyncio.shield(known[1])
        future: asyncio.Future[Any] = asyncio.ensure_future(call())
        self._answers[name, key] = (now, future)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._answers.pop((name, key), None)
            raise


def _owners(servicers: list[object], known: dict[str, Rpc]) -> dict[str, Callable[..., Any]]:
    owners: dict[str, Callable[..., Any]] = {}
    for servicer in servicers:
        for name, method in inspect.getmembers(servicer, callable):
            if not name[:1].isupper():
                continue
            assert name in known, f"{type(servicer).__name__}.{name} is no RPC of Modal's"
            assert name not in owners, f"RPC {name} has two owners, one is {type(servicer).__name__}"
            owners[name] = method
    return owners


def _is_mutating(name: str) -> bool:
    """Whether repeating the RPC could do its work twice. Waiting and reading ones are simply done again, and
    so are those that know by an index what they have done."""
    if name in _KNOWN_BY_INDEX:
        return False
    return "GetOrCreate" in name or not any(
        word in name for word in ("Get", "List", "Heartbeat", "Join", "Await", "CheckExistence")
    )


def _warning_metadata(sentences: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple(("x-modal-warning", urllib.parse.quote(sentence)) for sentence in dict.fromkeys(sentences))


def _unimplemented(name: str) -> Callable[..., Awaitable[Any]]:
    async def serve(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, _not_served(name))

    return serve


def _unimplemented_stream(name: str) -> Callable[..., Any]:
    async def serve(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, _not_served(name))
        yield  # makes this a generator, as grpc wants it

    return serve


def _not_served(name: str) -> str:
    return f"Homeport does not serve the RPC {name} yet; docs/coverage.md lists those that it does."


async def _abort_internal(context: grpc.aio.ServicerContext[Any, Any], name: str, error: Exception) -> None:
    logger.exception("%s failed", name)
    await context.abort(
        grpc.StatusCode.INTERNAL,
        f"Homeport's engine failed in {name} ({type(error).__name__}: {error}); engine.log has the details.",
    )
