"""The client's container entrypoint as a plain process, without a container: what it costs by itself."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modal_proto import api_pb2

from benchmarks.support.bench import Bench, Server


def container_socket(bench: Bench) -> str:
    """Where a null server waits for the container."""
    socket = bench.scratch / "null.sock"
    socket.unlink(missing_ok=True)
    return str(socket)


@contextmanager
def container(bench: Bench, null: Server) -> Iterator[subprocess.Popen[str]]:
    """Runs the entrypoint with the function `same` of apps/caller.py against a null server's socket."""
    arguments = bench.scratch / "arguments.pb"
    arguments.write_bytes(_arguments().SerializeToString())
    process = bench.start(
        [sys.executable, "-m", "modal._container_entrypoint"],
        env={
            "MODAL_CONTAINER_ARGUMENTS_PATH": str(arguments),
            "MODAL_IS_REMOTE": "1",
            "MODAL_SERVER_URL": null.container_url,
            "MODAL_TASK_ID": "ta-null",
            "MODAL_IMAGE_ID": "im-null",
            "MODAL_ENVIRONMENT": "main",
            "PYTHONPATH": str(bench.app("caller.py").parent),
        },
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # as a real one has
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _arguments() -> api_pb2.ContainerArguments:
    function = api_pb2.Function(
        module_name=Path("caller.py").stem,
        function_name="same",
        definition_type=api_pb2.Function.DEFINITION_TYPE_FILE,
        function_type=api_pb2.Function.FUNCTION_TYPE_FUNCTION,
        supported_input_formats=[api_pb2.DATA_FORMAT_PICKLE],
        supported_output_formats=[api_pb2.DATA_FORMAT_PICKLE],
        object_dependencies=[api_pb2.ObjectDependency(object_id="im-null")],
    )
    metadata = api_pb2.FunctionHandleMetadata(
        function_name="same", function_type=api_pb2.Function.FUNCTION_TYPE_FUNCTION
    )
    layout = api_pb2.AppLayout(
        objects=[
            api_pb2.Object(object_id="fu-null", function_handle_metadata=metadata),
            api_pb2.Object(object_id="im-null"),
        ],
        function_ids={"same": "fu-null"},
    )
    return api_pb2.ContainerArguments(
        task_id="ta-null",
        function_id="fu-null",
        app_id="ap-null",
        function_def=function,
        environment_name="main",
        app_layout=layout,
    )
