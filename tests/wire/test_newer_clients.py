"""A client newer than the engine's stubs: its calls, and options and RPCs that the engine does not know."""

import grpc
import pytest
from modal_proto import api_pb2

from homeport.api import client_versions
from tests.support.grpc_client import send

pytestmark = pytest.mark.once_as("user")

DEPLOYED = """
    import modal

    app = modal.App("wire-newer")


    @app.function()
    def add(a, b):
        return a + b
    """

# the real client with another version in its mouth
CALLER = """
    import modal_version

    modal_version.__version__ = "9.9.9"
    import modal

    add = modal.Function.from_name("wire-newer", "add")
    print("SUM", add.remote(1, 2), sum(add.starmap([(1, 1), (2, 2)])))
    """


def test_a_newer_client_is_served_with_one_line_that_says_so(modal, python, write, engine):
    write("app.py", DEPLOYED)
    write("caller.py", CALLER)
    modal("deploy", "app.py")
    try:
        said = python("caller.py")
    finally:
        modal("app", "stop", "--yes", "wire-newer")
    assert said.lines == ["SUM 3 6"]
    line = f"This client is modal 9.9.9, newer than the {client_versions.known()} that Homeport knows"
    assert said.err.count(line) == 1
    assert engine.log_tail(1000).count(line) == 1


def test_what_the_stubs_do_not_know_is_kept_and_named(engine):
    app = api_pb2.AppCreateResponse.FromString(
        send(engine, "AppCreate", api_pb2.AppCreateRequest(description="wire-unknown").SerializeToString())
    )
    function = api_pb2.Function(function_name="f", image_id="im-1")
    unknown = b"\xfa\xff\x07\x05later"  # field 16383, a text
    plain = api_pb2.FunctionCreateRequest(app_id=app.app_id, function=function).SerializeToString()
    inner = function.SerializeToString()
    sent = plain.replace(bytes([len(inner)]) + inner, bytes([len(inner) + len(unknown)]) + inner + unknown)
    answer = api_pb2.FunctionCreateResponse.FromString(send(engine, "FunctionCreate", sent))
    publish = api_pb2.AppPublishRequest(
        app_id=app.app_id,
        app_state=api_pb2.APP_STATE_EPHEMERAL,
        function_ids={"f": answer.function_id},
        definition_ids={answer.function_id: answer.handle_metadata.definition_id},
    )
    published = send(engine, "AppPublish", publish.SerializeToString())
    (warning,) = api_pb2.AppPublishResponse.FromString(published).server_warnings
    assert warning.message.startswith(
        "f: This client sets Function.field_16383, which this Homeport does not"
    )
    asked = api_pb2.FunctionGetByIdRequest(function_id=answer.function_id).SerializeToString()
    assert unknown in send(engine, "FunctionGetById", asked)
    send(engine, "AppStop", api_pb2.AppStopRequest(app_id=app.app_id).SerializeToString())


def test_an_rpc_that_the_stubs_lack_is_refused_by_its_name(engine):
    with pytest.raises(grpc.RpcError) as refusal:
        send(engine, "FunctionTeleport", b"")
    assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "does not know the RPC FunctionTeleport, which is newer than modal" in refusal.value.details()
