"""Raw requests to the engine, for what the real client would never send."""

import grpc

from tests.support.engine import Engine

SERVICE = "/modal.client.ModalClient/"
ROUTER = "/modal.task_command_router.TaskCommandRouter/"


def send(
    engine: Engine,
    rpc: str,
    message: bytes,
    *,
    token: tuple[str, str] | None = None,
    timeout_s: float = 10,
    key: str = "",
    jwt: str | None = None,
) -> bytes:
    """The answer's bytes. Raises grpc.RpcError. `token` None shows the engine's own; `key` is the idempotency
    key, which is the same in a request and its repetitions; with `jwt` it goes to the command router."""
    environment = engine.client_environment()
    token_id, token_secret = token or (environment["MODAL_TOKEN_ID"], environment["MODAL_TOKEN_SECRET"])
    metadata = [
        ("x-modal-client-version", "1.6.4"),
        ("x-modal-client-type", "1"),
        ("x-modal-token-id", token_id),
        ("x-modal-token-secret", token_secret),
        *([("x-idempotency-key", key)] if key else []),
    ]
    if jwt is not None:
        metadata = [("authorization", f"Bearer {jwt}")]
    with grpc.insecure_channel(engine.server_url.removeprefix("http://")) as channel:
        call = channel.unary_unary(
            (SERVICE if jwt is None else ROUTER) + rpc, request_serializer=None, response_deserializer=None
        )
        return call(message, metadata=metadata, timeout=timeout_s)
