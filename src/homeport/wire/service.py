"""Modal's two services, read from the descriptors of the installed stubs: the client's, and the command
router's, through which commands run in containers."""

from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from modal_proto import api_pb2, task_command_router_pb2

CLIENT = api_pb2.DESCRIPTOR.services_by_name["ModalClient"]
COMMAND_ROUTER = task_command_router_pb2.DESCRIPTOR.services_by_name["TaskCommandRouter"]


@dataclass(frozen=True)
class Rpc:
    """One method of the service: its messages and whether either side streams."""

    name: str
    request: type[Any]
    response: type[Any]
    client_streams: bool
    server_streams: bool


def rpcs(service: Any = CLIENT) -> dict[str, Rpc]:
    """Every RPC of a service by name."""
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
