"""`modal shell` to a prompt, with the image built: 0.5 s.

Most of it is the client's own start, which no server can shorten: the reference is the same command against a
null server, which shows a prompt at once and starts nothing. The engine's share is the difference. Beside it,
what one `Sandbox.exec` takes from its request to its end.
"""

import json
import os
import select
import subprocess
import sys
import time

from benchmarks.support.bench import Bench, Server
from benchmarks.support.figures import Figure, median, quartiles

BAR_S = 0.5
_LIMIT_S = 60.0
_PROMPT = b"# "
_EXECS = """
import json, time, modal
app = modal.App.lookup("bench-shell", create_if_missing=True)
sandbox = modal.Sandbox.create(app=app)
took = []
for _ in range({runs} + 3):
    started = time.perf_counter()
    assert sandbox.exec("true").wait() == 0
    took.append(time.perf_counter() - started)
sandbox.terminate()
print(json.dumps(took[3:]))
"""


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    _prompt_s(bench, server)  # builds the image
    with bench.null() as null:
        engine_s, null_s = [], []
        for _ in range(bench.runs):
            null_s.append(_prompt_s(bench, null))
            engine_s.append(_prompt_s(bench, server))
    share = [with_engine - without for with_engine, without in zip(engine_s, null_s, strict=True)]
    return [
        Figure(
            "modal shell to a prompt",
            f"{BAR_S} s",
            median(engine_s),
            "s",
            len(engine_s),
            passed=median(engine_s) <= BAR_S,
            reference="modal shell against a null server",
            reference_value=median(null_s),
            ratio=median(engine_s) / median(null_s),
            spread=quartiles(engine_s),
            parts={"engine's share s": median(share)},
        ),
        _execs(bench, server),
    ]


def _execs(bench: Bench, server: Server) -> Figure:
    script = bench.scratch / "execs.py"
    script.write_text(_EXECS.format(runs=bench.runs))
    bench.user.own(script)
    process = bench.start(
        [sys.executable, str(script)], env=server.client_env, cwd=bench.scratch, stdout=subprocess.PIPE
    )
    said = process.communicate()[0]
    if process.returncode:
        raise RuntimeError("the commands in a Sandbox failed")
    took_ms = [seconds * 1e3 for seconds in json.loads(said.splitlines()[-1])]
    return Figure(
        "Sandbox.exec and its end", "", median(took_ms), "ms", len(took_ms), spread=quartiles(took_ms)
    )


def _prompt_s(bench: Bench, server: Server) -> float:
    """Seconds from the command to its prompt, in a terminal of its own."""
    ours, theirs = os.openpty()
    started = time.perf_counter()
    process = bench.modal(server, "shell", stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        took = _wait(ours, process, started)
        os.write(ours, b"exit\n")
        while process.poll() is None and _read(ours, 1.0):
            pass
        process.wait(_LIMIT_S)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return took


def _wait(ours: int, process: "subprocess.Popen[str]", started: float) -> float:
    shown = b""
    while not shown.endswith(_PROMPT):
        data = _read(ours, _LIMIT_S)
        shown += data
        if not data:
            raise RuntimeError(f"modal shell ended with {process.poll()}: {shown.decode(errors='replace')}")
    return time.perf_counter() - started


def _read(ours: int, timeout_s: float) -> bytes:
    if not select.select([ours], [], [], timeout_s)[0]:
        return b""
    try:
        return os.read(ours, 65536)
    except OSError:  # the command has ended
        return b""
