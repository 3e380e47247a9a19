"""ASGI messages as api_pb2.Asgi: requests to an app in a container, and what it answers.

Source: the ASGI specification, HTTP and WebSocket messages; the client has the same table on its side.
"""

from typing import Any

from modal_proto import api_pb2

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """A message to the app. Raises KeyError for one that no server sends."""
    kind = message["type"]
    asgi = api_pb2.Asgi()
    if kind == "http.request":
        asgi.http_request.body = message.get("body", b"")
        asgi.http_request.more_body = message.get("more_body", False)
    elif kind == "http.disconnect":
        asgi.http_disconnect.SetInParent()
    elif kind == "websocket.connect":
        asgi.websocket_connect.SetInParent()
    elif kind == "websocket.receive":
        if message.get("text") is not None:
            asgi.websocket_receive.text = message["text"]
        else:
            asgi.websocket_receive.bytes = message.get("bytes") or b""
    elif kind == "websocket.disconnect":
        asgi.websocket_disconnect.code = message.get("code") or 1005
    else:
        raise KeyError(kind)
    return asgi.SerializeToString()


def decode(data: bytes) -> Message | None:
    """A message of the app; None for one that a server has no use for. Raises DecodeError."""
    asgi = api_pb2.Asgi.FromString(data)
    kind = asgi.WhichOneof("type")
    if kind == "http_response_start":
        start = asgi.http_response_start
        return {"type": "http.response.start", "status": start.status, "headers": _pairs(start.headers)}
    if kind == "http_response_body":
        body = asgi.http_response_body
        return {"type": "http.response.body", "body": body.body, "more_body": body.more_body}
    if kind == "websocket_accept":
        accept = asgi.websocket_accept
        subprotocol = accept.subprotocol if accept.HasField("subprotocol") else None
        return {"type": "websocket.accept", "subprotocol": subprotocol, "headers": _pairs(accept.headers)}
    if kind == "websocket_send":
        sent = asgi.websocket_send
        if sent.WhichOneof("content") == "text":
            return {"type": "websocket.send", "text": sent.text}
        return {"type": "websocket.send", "bytes": sent.bytes}
    if kind == "websocket_close":
        close = asgi.websocket_close
        return {"type": "websocket.close", "code": close.code or 1000, "reason": close.reason}
    return None


def scope_of(scope: Message) -> Message:
    """A connection's scope as apps in containers see it: what travels, and nothing of this server's."""
    names = ("type", "http_version", "method", "scheme", "path", "query_string", "headers", "subprotocols")
    kept = {name: scope[name] for name in names if name in scope}
    kept["headers"] = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
    if scope.get("client"):
        kept["client"] = tuple(scope["client"])
    return kept


def _pairs(flat: Any) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=False))
