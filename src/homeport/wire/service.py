"""Modal's service definition, read from the descriptors of the installed stubs."""

from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from modal_proto import api_pb2

SERVICE_NAME = "modal.client.ModalClient"


@dataclass(frozen=True)
class Rpc:
    """One method of the service: its messages and whether either side streams."""

    name: str
    request: type[Any]
    response: type[Any]
    client_streams: bool
    server_streams: bool


def rpcs() -> dict[str, Rpc]:
    """Every RPC of the service by name."""
    service = api_pb2.DESCRIPTOR.services_by_name["ModalClient"]
    return {
        method.name: Rpc(
            method.name,
            message_factory.GetMessageClass(method.input_type),
            message_factory.GetMessageClass(method.output_type),
            method.client_streaming,
            method.server_streaming,
        )
        for method in service.methods
    }
