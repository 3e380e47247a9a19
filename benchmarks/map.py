"""`.map` over 2,000 trivial inputs: 80 % of the ceiling cores / (client's CPU + container's CPU) an input.

The client's CPU is measured against the null server, the container's by the real container entrypoint that
the null server feeds, both between the engine's maps of the same run. The engine itself may take 0.7 ms of
CPU an input, persistence included.
"""

import os
import select
import subprocess
import sys
from pathlib import Path

from modal_proto import api_pb2

from benchmarks.support.bench import Bench, caller
from benchmarks.support.figures import Figure, median, quartiles
from benchmarks.support.processes import cpu_s

INPUTS = 2000
BAR_SHARE = 0.8
BAR_ENGINE_MS = 0.7


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    cores = len(os.sched_getaffinity(0))
    rates, ceilings, engine_ms, client_ms, container_ms, busy_ms = [], [], [], [], [], []
    with bench.null() as null, caller(bench, server) as to_engine, caller(bench, null) as to_null:
        for each in (to_engine, to_null):
            each.ask(do="map", count=INPUTS // 10)
        for _ in range(bench.runs):
            client_ms.append(to_null.ask(do="map", count=INPUTS)["cpu_s"] / INPUTS * 1e3)
            container_ms.append(_container_ms(bench))
            before = cpu_s(server.process.pid)
            answer = to_engine.ask(do="map", count=INPUTS)
            rates.append(INPUTS / answer["wall_s"])
            busy_ms.append(answer["cpu_s"] / INPUTS * 1e3)
            engine_ms.append((cpu_s(server.process.pid) - before) / INPUTS * 1e3)
            ceilings.append(cores * 1e3 / (client_ms[-1] + container_ms[-1]))
    shares = [rate / ceiling for rate, ceiling in zip(rates, ceilings, strict=True)]
    return [
        Figure(
            f".map over {INPUTS} trivial inputs",
            f"{BAR_SHARE:.0%} of the ceiling",
            median(rates),
            "inputs/s",
            len(rates),
            passed=median(shares) >= BAR_SHARE,
            reference=f"ceiling of {cores} cores",
            reference_value=median(ceilings),
            ratio=median(shares),
            spread=quartiles(rates),
            parts={
                "client's CPU an input ms": median(client_ms),
                "container's ms": median(container_ms),
                "client's against the engine ms": median(busy_ms),
            },
        ),
        Figure(
            "engine's CPU an input of .map",
            f"{BAR_ENGINE_MS} ms",
            median(engine_ms),
            "ms",
            len(engine_ms),
            passed=median(engine_ms) <= BAR_ENGINE_MS,
            spread=quartiles(engine_ms),
        ),
    ]


def _container_ms(bench: Bench) -> float:
    """CPU of the real container entrypoint for an input, fed by a null server."""
    socket = bench.scratch / "feed.sock"
    socket.unlink(missing_ok=True)
    arguments = bench.scratch / "feed.pb"
    arguments.write_bytes(_arguments().SerializeToString())
    with bench.null("--unix", str(socket), "--feed", str(INPUTS)) as null:
        container = bench.start(
            [sys.executable, "-m", "modal._container_entrypoint"],
            env={
                "MODAL_CONTAINER_ARGUMENTS_PATH": str(arguments),
                "MODAL_IS_REMOTE": "1",
                "MODAL_SERVER_URL": null.server_url,
                "MODAL_TASK_ID": "ta-null",
                "MODAL_IMAGE_ID": "im-null",
                "MODAL_ENVIRONMENT": "main",
                "PYTHONPATH": str(bench.app("caller.py").parent),
            },
            stdout=subprocess.DEVNULL,
        )
        assert null.process.stdin is not None and null.process.stdout is not None
        try:
            _expect(null.process, "warm", container)
            before = cpu_s(container.pid)
            null.process.stdin.write("go\n")
            null.process.stdin.flush()
            _expect(null.process, "done", container)
            used = cpu_s(container.pid) - before
        finally:
            container.kill()
            container.wait()
    return used / INPUTS * 1e3


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


def _expect(process: subprocess.Popen[str], word: str, container: subprocess.Popen[str]) -> None:
    """Waits for a line of the null server, as long as its container lives."""
    assert process.stdout is not None
    while not select.select([process.stdout], [], [], 1.0)[0]:
        if container.poll() is not None:
            raise RuntimeError(
                f"the container ended with {container.returncode} before the null server was {word}"
            )
    line = process.stdout.readline().strip()
    if line != word:
        raise RuntimeError(f"the container's null server said {line!r} instead of {word!r}")
