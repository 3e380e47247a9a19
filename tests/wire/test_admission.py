"""Who is let in, and what the engine answers to requests that make no sense."""

import grpc
import pytest
from modal_proto import api_pb2

from tests.support.grpc_client import send

HELLO = """
    import modal

    app = modal.App("wire-hello")


    @app.function()
    def hello():
        print("hello")
    """


@pytest.mark.once_as("user")
def test_a_wrong_token_is_refused_with_the_cure(modal, write):
    write("app.py", HELLO)
    said = modal("run", "app.py", env={"MODAL_TOKEN_SECRET": "as-wrong"}, fails=True)
    assert "homeport env" in said.err
    assert "Traceback" not in said.err


@pytest.mark.once_as("user")
def test_without_a_token_the_client_says_so_and_runs_nothing(modal, write):
    write("app.py", HELLO)
    said = modal("run", "app.py", env={"MODAL_TOKEN_ID": "", "MODAL_TOKEN_SECRET": ""}, fails=True)
    assert "Token missing" in said.err
    assert "Traceback" not in said.err
    assert "hello" not in said.out


@pytest.mark.once_as("root")
def test_a_request_without_a_token_is_refused(engine):
    request = api_pb2.AppListRequest().SerializeToString()
    with pytest.raises(grpc.RpcError) as refusal:
        send(engine, "AppList", request, token=("", ""))
    assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED
    send(engine, "AppList", request)


@pytest.mark.once_as("root")
def test_an_rpc_that_is_not_served_says_its_name(modal, engine):
    with pytest.raises(grpc.RpcError) as refusal:
        send(engine, "EndpointList", b"")
    assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "EndpointList" in refusal.value.details()
    said = modal("endpoint", "list", fails=True)
    assert "Homeport does not serve the RPC EndpointList yet" in said.text


@pytest.mark.once_as("root")
def test_a_malformed_message_is_an_error_and_the_engine_goes_on(engine, modal):
    for rpc in ("AppCreate", "FunctionMap", "VolumePutFiles2", "ImageGetOrCreate"):
        with pytest.raises(grpc.RpcError) as refusal:
            send(engine, rpc, b"\xff\xff\xff not a protobuf")
        assert refusal.value.code() != grpc.StatusCode.UNAVAILABLE
    modal("app", "list")


@pytest.mark.once_as("root")
def test_a_message_of_empty_fields_is_an_error_not_a_crash(engine, modal):
    for rpc in (
        "FunctionMap",
        "FunctionGet",
        "FunctionCreate",
        "VolumeGetFile2",
        "AppPublish",
        "ImageJoinStreaming",
    ):
        with pytest.raises(grpc.RpcError) as refusal:
            send(engine, rpc, b"")
        assert refusal.value.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN), rpc
        assert "Traceback" not in (refusal.value.details() or "")
    modal("app", "list")
