"""Sandboxes by the real client: their command, commands beside it, their end, and who may use them."""

import json

import grpc
import pytest
from modal_proto import api_pb2
from modal_proto import task_command_router_pb2 as router_pb2

from tests.support.grpc_client import send

HEAD = """
    import io
    import json

    import modal

    app = modal.App.lookup("wire-sandboxes", create_if_missing=True)


    def show(name, value):
        print(json.dumps([name, value]))


    def refused(name, call):
        try:
            call()
            show(name, "served")
        except Exception as error:
            show(name, f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def run(python, write):
    """Runs a script with an app at hand; answers what it showed, by name."""

    def run(text, **options):
        write("script.py", HEAD + text)
        said = python("script.py", timeout_s=90, **options)
        return dict(json.loads(line) for line in said.lines if line.startswith("["))

    return run


def test_a_sandbox_and_commands_in_it(run):
    shown = run(
        """
    sb = modal.Sandbox.create(
        "sh", "-c", "echo out; echo err >&2; read line; echo got $line; exit 3",
        app=app, name="one", tags={"kind": "test"}, workdir="/tmp", env={"A": "env"},
        secrets=[modal.Secret.from_dict({"B": "secret"})],
    )
    ran = sb.exec("sh", "-c", "echo $A $B $C; pwd; cat; exit 5", env={"C": "own"}, workdir="/usr")
    ran.stdin.write("typed")
    ran.stdin.write_eof()
    ran.stdin.drain()
    show("exec", [ran.stdout.read(), ran.wait(), ran.poll()])
    raw = sb.exec("head", "-c", "3000000", "/dev/zero", text=False)
    show("bytes", len(raw.stdout.read()))
    lines = sb.exec("seq", "3", bufsize=1)
    show("lines", list(lines.stdout))
    show("terminal", sb.exec("tty", pty=True).stdout.read())
    show("missing", [(gone := sb.exec("no-such-command")).wait(), gone.stderr.read()])
    slow = sb.exec("sleep", "60", timeout=1)
    show("timeout", slow.wait())
    quick = [sb.exec("sh", "-c", f"exit {number}") for number in range(5)]
    show("at once", [each.wait() for each in quick])
    refused("no folder", lambda: sb.exec("true", workdir="/nowhere"))
    refused("name taken", lambda: modal.Sandbox.create(app=app, name="one"))
    listed = modal.Sandbox.list(app_id=app.app_id, tags={"kind": "test"})
    show("found", [
        sb.object_id == modal.Sandbox.from_name("wire-sandboxes", "one").object_id,
        [each.object_id for each in listed] == [sb.object_id],
        list(modal.Sandbox.list(app_id=app.app_id, tags={"kind": "other"})),
        sb.get_tags(),
        modal.Sandbox.from_id(sb.object_id).poll(),
    ])
    sb.set_tags({"kind": "changed"})
    show("tags", sb.get_tags())
    sb.stdin.write("a line\\n")
    sb.stdin.drain()
    sb.wait()
    again = modal.Sandbox.from_id(sb.object_id)
    show("end", [sb.returncode, sb.stdout.read(), sb.stderr.read(), again.returncode])
    refused("after its end", lambda: sb.exec("true"))
    """
    )
    assert shown["exec"] == ["env secret own\n/usr\ntyped", 5, 5]
    assert shown["bytes"] == 3_000_000
    assert shown["lines"] == ["1\n", "2\n", "3\n"]
    assert shown["terminal"].strip().startswith("/dev/pts/")
    assert shown["missing"] == [127, "no-such-command: No such file or directory\n"]
    assert shown["timeout"] == -1
    assert shown["at once"] == [0, 1, 2, 3, 4]
    assert "there is no folder /nowhere in the container" in shown["no folder"]
    assert shown["name taken"].startswith("AlreadyExistsError")
    assert shown["found"] == [True, True, [], {"kind": "test"}, None]
    assert shown["tags"] == {"kind": "changed"}
    assert shown["end"] == [3, "out\ngot a line\n", "err\n", 3]
    assert "does not run" in shown["after its end"]


def test_how_a_sandbox_ends(run):
    shown = run(
        """
    sb = modal.Sandbox.create(app=app)  # the image's own command
    show("sleeps", sb.exec("sh", "-c", "tr '\\\\0' ' ' < /proc/2/cmdline").stdout.read())
    show("terminated", sb.terminate(wait=True))
    sb = modal.Sandbox.create("sleep", "60", app=app, timeout=1)
    refused("timeout", sb.wait)
    show("timed out", sb.returncode)
    sb = modal.Sandbox.create("sleep", "60", app=app, idle_timeout=1)
    busy = sb.exec("sleep", "1.5")
    show("busy", busy.wait())
    sb.wait(raise_on_termination=False)
    show("idle", sb.returncode is not None)
    sb = modal.Sandbox.create("no-such-command", app=app)
    sb.wait()
    show("missing", [sb.returncode, sb.stderr.read()])
    sb = modal.Sandbox.create("sh", "-c", "tty; read line; echo =$line", app=app, pty=True)
    sb.stdin.write("typed\\n")
    sb.stdin.drain()
    show("terminal", sb.stdout.read())
    volume = modal.Volume.from_name("wire-sandboxes", create_if_missing=True)
    sb = modal.Sandbox.create("sh", "-c", "echo kept > /data/file", app=app, volumes={"/data": volume})
    sb.wait()
    show("volume", b"".join(volume.read_file("file")).decode())
    sb = modal.Sandbox.create(app=app, volumes={"/data": volume})
    with volume.batch_upload() as batch:
        batch.put_file(io.BytesIO(b"newer"), "/late")
    before = sb.exec("cat", "/data/late").wait()
    sb.reload_volumes()
    show("reloaded", [before, sb.exec("cat", "/data/late").stdout.read()])
    sb.terminate(wait=True)
    modal.Volume.objects.delete("wire-sandboxes")
    for name, options in {
        "block_network": {"block_network": True},
        "ports": {"encrypted_ports": [8080]},
        "probe": {"readiness_probe": modal.sandbox._sandbox.Probe.with_tcp(80)},
        "runtime": {"runtime": "vm"},
    }.items():
        refused(name, lambda: modal.Sandbox.create("true", app=app, **options))
    sb = modal.Sandbox.create(app=app)
    refused("tunnels", sb.tunnels)
    refused("snapshot", sb.snapshot_filesystem)
    refused("connect", sb.create_connect_token)
    sb.terminate()
    """
    )
    assert shown["sleeps"].startswith("sleep ")
    assert shown["terminated"] == 137
    assert shown["timeout"].startswith("SandboxTimeoutError")
    assert shown["timed out"] == 124
    assert shown["busy"] == 0
    assert shown["idle"] is True
    assert shown["missing"] == [127, "no-such-command: No such file or directory\n"]
    assert shown["terminal"].replace("\r", "").endswith("=typed\n")
    assert "/dev/pts/0" in shown["terminal"]
    assert shown["volume"] == "kept\n"
    assert shown["reloaded"] == [1, "newer"]
    for name, words in {
        "block_network": "block_network=",
        "ports": "tunnels",
        "probe": "readiness_probe=",
        "runtime": "runtime=",
        "tunnels": "SandboxGetTunnels",
        "snapshot": "TaskSnapshotFilesystem",
        "connect": "SandboxCreateConnectToken",
    }.items():
        assert words in shown[name] and "does not serve" in shown[name], shown[name]


def test_a_sandbox_s_files(run, write):
    write("local.bin", bytes(range(256)) * 40_000)
    shown = run(
        """
    sb = modal.Sandbox.create(app=app)
    files = sb.filesystem
    files.write_text("hello", "/tmp/a/b/text")
    files.write_bytes(b"", "/tmp/a/empty")
    show("text", [files.read_text("/tmp/a/b/text"), files.read_bytes("/tmp/a/empty").decode()])
    files.copy_from_local("local.bin", "/tmp/a/copy")
    files.copy_to_local("/tmp/a/copy", "back.bin")
    show("same", open("local.bin", "rb").read() == open("back.bin", "rb").read())
    files.make_directory("/tmp/a/c/d")
    sb.exec("ln", "-s", "b/text", "/tmp/a/link").wait()
    listed = files.list_files("/tmp/a")
    show("listed", [[each.name, each.type.value, each.size] for each in listed if each.is_file()])
    link = files.stat("/tmp/a/link")
    show("link", [link.type.value, link.symlink_target, link.owner])
    refused("missing", lambda: files.read_text("/tmp/none"))
    refused("a folder", lambda: files.read_text("/tmp/a"))
    refused("over a folder", lambda: files.write_text("x", "/tmp/a/b"))
    refused("below a file", lambda: files.write_text("x" * 5_000_000, "/tmp/a/empty/x"))
    refused("not empty", lambda: files.remove("/tmp/a"))
    refused("there already", lambda: files.make_directory("/tmp/a", create_parents=False))
    files.remove("/tmp/a", recursive=True)
    refused("gone", lambda: files.list_files("/tmp/a"))
    sb.terminate()
    """
    )
    assert shown["text"] == ["hello", ""]
    assert shown["same"] is True
    assert shown["listed"] == [["copy", "file", 10_240_000], ["empty", "file", 0]]
    assert shown["link"] == ["symlink", "b/text", "root"]
    for name, error in {
        "missing": "NotFound",
        "a folder": "IsADirectory",
        "over a folder": "IsADirectory",
        "below a file": "NotADirectory",
        "not empty": "DirectoryNotEmpty",
        "there already": "PathAlreadyExists",
        "gone": "NotFound",
    }.items():
        assert shown[name].startswith(f"SandboxFilesystem{error}Error"), shown[name]


def test_who_may_run_commands(engine, run):
    """A container's token is good for that container; the engine's own token opens no command router."""
    shown = run(
        """
    sb, other = (modal.Sandbox.create("sleep", "60", app=app, secrets=[]) for _ in range(2))
    env = sb.exec("env").stdout.read()
    show("ids", [sb._get_task_id(), other._get_task_id()])
    show("env", env)
    show("door", sb.exec("sh", "-c", "ls /__modal/run").stdout.read())
    """
    )
    mine, other = shown["ids"]
    assert "TOKEN" not in shown["env"]  # a sandbox runs code that need not be trusted
    assert shown["door"] == "arguments.pb\n"  # nor has it the socket of a function's container
    request = api_pb2.TaskGetCommandRouterAccessRequest(task_id=mine).SerializeToString()
    access = api_pb2.TaskGetCommandRouterAccessResponse.FromString(
        send(engine, "TaskGetCommandRouterAccess", request)
    )
    for task_id, jwt in ((other, access.jwt), (mine, access.jwt[:-1]), (mine, "")):
        start = router_pb2.TaskExecStartRequest(task_id=task_id, exec_id="e-1", command_args=["true"])
        with pytest.raises(grpc.RpcError) as refusal:
            send(engine, "TaskExecStart", start.SerializeToString(), jwt=jwt)
        assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED
    for exec_id in ("../../../x", "", "e/1"):
        start = router_pb2.TaskExecStartRequest(task_id=mine, exec_id=exec_id, command_args=["true"])
        with pytest.raises(grpc.RpcError) as refusal:
            send(engine, "TaskExecStart", start.SerializeToString(), jwt=access.jwt)
        assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    run("""
    for sb in modal.Sandbox.list(app_id=app.app_id):
        sb.terminate(wait=True)
    """)


def test_sandboxes_and_their_commands_survive_a_killed_engine(engine, run):
    run(
        """
    from modal._utils.async_utils import synchronizer

    sb = modal.Sandbox.create("sh", "-c", "read line; echo got $line", app=app, name="survivor", timeout=60)
    ran = sb.exec("sh", "-c", "echo before; read line; echo after $line")
    assert next(iter(ran.stdout)) == "before\\n"
    with open("ids", "w") as file:
        file.write(synchronizer._translate_in(ran)._process_id)
    """
    )
    engine.kill()
    engine.start()
    shown = run(
        """
    from modal.container_process import _ContainerProcess
    from modal._utils.async_utils import synchronizer

    sb = modal.Sandbox.from_name("wire-sandboxes", "survivor")

    async def again():
        inner = synchronizer._translate_in(sb)
        task_id = await inner._get_task_id()
        router = await inner._get_command_router_client(task_id)
        process = _ContainerProcess(open("ids").read(), task_id, inner._client, router)
        process.stdin.write("it\\n")
        await process.stdin.drain()
        return await process.stdout.read(), await process.wait()

    show("exec", synchronizer.create_blocking(again)())
    sb.stdin.write("line\\n")
    sb.stdin.drain()
    sb.wait()
    show("own", [sb.stdout.read(), sb.returncode])
    """
    )
    assert shown["exec"] == ["before\nafter it\n", 0]
    assert shown["own"] == ["got line\n", 0]


def test_a_shell_goes_on_after_a_killed_engine(engine, terminal):
    """The client comes back by itself, and is told from where it stopped."""
    shell = terminal("shell", rows=33, columns=101)
    shell.wait_for(r"root@modal:[^\n]*# ", timeout_s=60)
    shell.type("for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.3; done; echo en''d\n")
    shell.wait_for("line 2")
    engine.kill()
    engine.start()
    shell.wait_for(r"line 3\s+line 4\s+line 5\s+line 6\s+line 7\s+line 8\s+end")
    shell.type("exit\n")
    assert shell.wait() == 0
    assert shell.is_restored()
