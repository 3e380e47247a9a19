"""What a container is from the inside, and how its end comes out."""

import ctypes
import json
import os
import platform
from pathlib import Path

import pytest

from homeport.model.errors import ContainerStartError
from homeport.runtime import requests
from homeport.runtime.launcher import WarmParent
from tests.unit.runtime.box import ENV, Box, Place


def test_output_goes_to_the_log_as_framed_records(place: Place) -> None:
    async def check(box: Box) -> None:
        task = await box.start("import sys; print('one', flush=True); print('two', file=sys.stderr)")
        exit = await box.ended(task)
        assert exit.exit_code == 0 and exit.signal is None
        assert sorted(box.records(task)) == [(1, "one\n"), (2, "two\n")]
        assert task in box.grown

    place.run(check)


def test_a_line_written_in_pieces_is_one_record(place: Place) -> None:
    async def check(box: Box) -> None:
        source = "import os\nfor piece in (b'a', b'b', b'c\\n', b'd'): os.write(1, piece)"
        task = await box.start(source)
        await box.ended(task)
        records = [text for _, text in box.records(task)]
        assert "".join(records) == "abc\nd"
        assert "abc\n" in records

    place.run(check)


def test_a_prompt_without_a_line_end_shows_while_the_container_waits(place: Place) -> None:
    async def check(box: Box) -> None:
        task = await box.start("import os, time; os.write(1, b'one\\ntwo? '); time.sleep(60)")
        await box.said(task, "two? ")
        await box.sandbox.kill(task, grace_s=0, reason="the test is over")

    place.run(check)


def test_large_output_loses_nothing(place: Place) -> None:
    async def check(box: Box) -> None:
        _, output = await box.run(
            "print('x' * 99 + '\\n', end='', flush=False) if 0 else print('y' * 3_000_000)"
        )
        assert output == "y" * 3_000_000 + "\n"

    place.run(check)


@pytest.mark.parametrize(("source", "code", "signal"), [("raise SystemExit(7)", 7, None), ("1/0", 1, None)])
def test_exit_status(place: Place, source: str, code: int, signal: int | None) -> None:
    async def check(box: Box) -> None:
        exit, output = await box.run(source)
        assert (exit.exit_code, exit.signal) == (code, signal)
        assert ("ZeroDivisionError" in output) == (source == "1/0")

    place.run(check)


def test_a_process_that_kills_itself_ends_with_128_and_the_signal(place: Place) -> None:
    async def check(box: Box) -> None:
        exit, _ = await box.run("import signal; os.kill(os.getpid(), signal.SIGKILL)")
        assert (exit.exit_code, exit.signal, exit.out_of_memory) == (137, 9, False)

    place.run(check)


@pytest.mark.parametrize("is_warm", [True, False])
def test_a_container_looks_like_a_program_of_its_own(
    place: Place, is_warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_warm:
        monkeypatch.setattr(requests, "fits_parent", lambda home, spec: False)
    source = """
import resource, signal, sys, threading
print(json.dumps({
    "argv": sys.argv, "main": __spec__.name, "path": sys.path[:2], "env": dict(os.environ),
    "cwd": os.getcwd(),
    "stdin": sys.stdin.read(), "threads": threading.active_count(),
    "ours": [name for name in sys.modules if "homeport" in name],
    "fds": len(os.listdir("/proc/self/fd")), "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
    "int": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "term": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "chld": signal.getsignal(signal.SIGCHLD) == 0,
    "uid": os.getuid(), "pids": [p for p in os.listdir("/proc") if p.isdigit()],
    "session": os.getsid(0) == os.getpid(),
}))"""

    async def check(box: Box) -> None:
        task = await box.start(source)
        await box.ended(task)
        seen = json.loads(box.output(task))
        assert seen["main"] == "modal._container_entrypoint"
        assert seen["argv"] == ["/pkg/modal/_container_entrypoint.py"]
        assert seen["path"] == ["/root", "/pkg"]
        assert seen["env"] == {**ENV, "MODAL_TASK_ID": task}
        assert seen["cwd"] == "/root"
        assert (seen["stdin"], seen["threads"], seen["ours"], seen["uid"]) == ("", 1, [], 0)
        assert seen["fds"] == 4  # three, and the listing's own
        assert seen["nofile"][0] == seen["nofile"][1]
        assert seen["int"] and seen["term"] and seen["chld"] and seen["session"]
        assert seen["pids"] == ["1", "2"]

    place.run(check)


def test_random_numbers_differ_between_containers(place: Place) -> None:
    async def check(box: Box) -> None:
        draws = [(await box.run("import random; print(random.random())"))[1] for _ in range(3)]
        assert len(set(draws)) == 3

    place.run(check)


def test_nothing_of_this_machine_shows(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGB_LIMIT_FILES", "50")
    source = f"""
print(sorted(os.listdir("/")))
print([name for name in ("/home", "/mnt", "/work", {str(place.home.root)!r}) if os.path.exists(name)])
print("BGB_LIMIT_FILES" in os.environ, b"BGB_LIMIT_FILES" in open("/proc/self/environ", "rb").read())
print(os.path.exists("/usr/local/lib"), os.uname().nodename)
# of a bind the kernel shows the source
lines = [line for line in open("/proc/self/mountinfo") if " /__modal/run " not in line]
print(any({str(place.home.root)!r} in line for line in lines))
"""

    async def check(box: Box) -> None:
        _, output = await box.run(source)
        expected = ["__modal", "bin", "dev", "etc", "lib", "pkg", "proc", "root", "sys", "tmp", "usr", "var"]
        lines = output.splitlines()
        assert set(eval(lines[0])) - {"lib64", "sbin"} == set(expected)
        assert lines[1:] == ["[]", "False False", "False modal", "False"]

    place.run(check)


def test_this_machines_files_cannot_be_written(place: Place) -> None:
    source = """
import subprocess
for path in ("/usr/bin/python3", "/usr/bin/new", "/sys/kernel/mm/x", "/proc/sys/kernel/hostname"):
    try:
        open(path, "a").close()
        print("wrote", path)
    except OSError:
        pass
for command in (["umount", "/usr"], ["umount", "/proc"], ["mount", "-o", "remount,rw", "/sys"]):
    if subprocess.run(command, capture_output=True).returncode == 0:
        print("did", command)
print(os.path.exists("/proc/1/root/etc/shadow"), end="")
os.mkdir("/root/new"); open("/etc/motd", "w").close(); os.mkdir("/usr/local/lib"); os.mkdir("/tmp/a")
"""

    async def check(box: Box) -> None:
        exit, output = await box.run(source)
        assert (exit.exit_code, output) == (0, "False")

    place.run(check)


def test_devices_memory_and_names(place: Place) -> None:
    source = """
import multiprocessing, socket
print(sorted(os.listdir("/dev")))
os.close(os.openpty()[0])
with open("/dev/shm/x", "w") as file: file.write("x")
print(multiprocessing.Pool(4).map(abs, [-1, -2]))
print(len(os.urandom(4)), open("/dev/null").read() == "", socket.gethostbyname("localhost"))
print(open("/etc/hostname").read())
print(os.path.islink("/etc/resolv.conf"), open("/etc/resolv.conf").read() == RESOLV)
"""
    names = [
        "fd",
        "full",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
        "zero",
    ]

    async def check(box: Box) -> None:
        source_here = source.replace("RESOLV", repr(Path("/etc/resolv.conf").read_text()))
        exit, output = await box.run(source_here)
        lines = output.splitlines()
        assert exit.exit_code == 0, output
        assert eval(lines[0]) == names
        assert lines[1:] == ["[1, 2]", "4 True 127.0.0.1", "modal", "", "False True"]

    place.run(check)


def test_a_command_runs_without_a_warm_parent(place: Place) -> None:
    async def check(box: Box) -> None:
        exit, output = await box.run("", command=("/bin/sh", "-c", "echo $MODAL_TASK_ID; exit 3"))
        assert (exit.exit_code, output) == (3, f"{exit.task_id}\n")
        exit, output = await box.run("", command=("nothing-like-it",))
        assert (exit.exit_code, output) == (127, "nothing-like-it: No such file or directory\n")

    place.run(check)


def test_sigterm_reaches_the_process_and_then_comes_sigkill(place: Place) -> None:
    polite = """
import signal, time, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print("ready", flush=True)
time.sleep(60)"""
    deaf = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)"""

    async def check(box: Box) -> None:
        for source, grace_s, code in ((polite, 10.0, 5), (deaf, 0.2, 137), (polite, 0.0, 137)):
            task = await box.start(source)
            await box.said(task, "ready")
            await box.sandbox.kill(task, grace_s=grace_s, reason="the app was stopped")
            exit = await box.ended(task)
            assert (exit.exit_code, exit.reason) == (code, "the app was stopped")

    place.run(check)


def test_orphans_are_reaped_and_end_with_the_container(place: Place) -> None:
    source = """
import subprocess, time
subprocess.run(["/bin/sh", "-c", "(sleep 0.05; echo orphan) & (sleep 1000) & exit 0"])
time.sleep(0.3)
for pid in filter(str.isdigit, os.listdir("/proc")):
    print(open(f"/proc/{pid}/stat").read().split()[2], end="")
"""

    async def check(box: Box) -> None:
        exit, output = await box.run(source)
        assert exit.exit_code == 0
        assert "orphan" in output and "Z" not in output.replace("orphan", "")

    place.run(check)


def test_what_the_image_lacks_is_said(place: Place) -> None:
    async def check(box: Box) -> None:
        with pytest.raises(ContainerStartError, match=r"No such file or directory.*nowhere"):
            await box.start("", overlays=(place.home.mounts / "nowhere",))
        exit, output = await box.run("", overlays=())  # an image without the client
        assert exit.exit_code != 0 and "No such file or directory" in output

    place.run(check)


def test_a_users_file_named_like_an_imported_module_wins(place: Place) -> None:
    shadow = place.mount({"root/modal.py": "", "root/tomllib.py": "print('mine')"})

    async def check(box: Box) -> None:
        await box.sandbox.warm(place.image, place.bundle, ENV)
        _, output = await box.run(
            "import tomllib", overlays=(place.mount({"root/tomllib.py": "print('mine')"}), *place.bundle)
        )
        assert output == "mine\n"
        exit, output = await box.run("print('never')", overlays=(shadow, *place.bundle))
        assert exit.exit_code == 1 and "modal" in output and "never" not in output

    place.run(check)


def test_mounts_need_no_new_warm_parent(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    forks: list[int] = []
    original = WarmParent.fork
    monkeypatch.setattr(
        WarmParent, "fork", lambda self, *rest: forks.append(id(self)) or original(self, *rest)
    )

    async def check(box: Box) -> None:
        for text in ("first", "second"):
            mount = place.mount({"root/app.py": f"print('{text}')"})
            _, output = await box.run("import app", overlays=(mount, *place.bundle))
            assert output == f"{text}\n"
        assert len(forks) == 2 and len(set(forks)) == 1

    place.run(check)


def test_a_package_that_starts_threads_is_run_without_a_warm_parent(place: Place) -> None:
    threads = "import threading, time\nthreading.Thread(target=time.sleep, args=(1,), daemon=True).start()\n"
    bundle = place.bundle[0]
    (bundle / "pkg/modal/__init__.py").write_text(threads)

    async def check(box: Box) -> None:
        exit, output = await box.run("print('ran')")
        assert (exit.exit_code, output) == (0, "ran\n")

    place.run(check)


def test_the_task_folder_is_gone_when_forgotten(place: Place) -> None:
    async def check(box: Box) -> None:
        task = await box.start(
            "os.mkdir('/root/closed'); os.chmod('/root/closed', 0); os.remove('/etc/hosts')"
        )
        await box.ended(task)
        await box.sandbox.forget(task)
        await box.sandbox.forget(task)
        assert not (place.home.tasks / task).exists()
        assert (place.home.logs / f"{task}.log").exists()

    place.run(check)


def test_secrets_are_on_no_disk(place: Place) -> None:
    async def check(box: Box) -> None:
        task = await box.start("input() if 0 else print('x')", env={**ENV, "TOKEN": "very-secret-value"})
        await box.ended(task)
        for folder, _, files in os.walk(place.home.root):
            for name in files:
                path = Path(folder) / name
                assert not path.is_file() or b"very-secret-value" not in path.read_bytes()

    place.run(check)


def test_the_session_keyring_of_who_started_the_engine_stays_outside(place: Place) -> None:
    """By number: a container that inherited the keyring could read the keys in it."""
    if platform.machine() != "x86_64":
        pytest.skip("knows the number of keyctl(2) for x86_64 only")
    keyctl, get_keyring, session_keyring = 250, 0, -3
    libc = ctypes.CDLL(None, use_errno=True)
    ours = libc.syscall(keyctl, get_keyring, session_keyring, 1)
    if ours < 0:
        pytest.skip("this kernel has no keyrings")

    async def check(box: Box) -> None:
        _, output = await box.run(
            "import ctypes; print(ctypes.CDLL(None)"
            f".syscall({keyctl}, {get_keyring}, ctypes.c_long({session_keyring}), 1))"
        )
        assert int(output) > 0 and int(output) != ours

    place.run(check)


def test_launchers_compile_what_they_import_once(place: Place) -> None:
    async def check(box: Box) -> None:
        kept = place.home.cache / "launcher"
        await box.run("pass", command=("true",))
        compiled = {path: path.stat().st_mtime_ns for path in kept.rglob("*.pyc")}
        assert any(path.name.startswith("launch.") for path in compiled)
        await box.run("pass", command=("true",))
        assert {path: path.stat().st_mtime_ns for path in kept.rglob("*.pyc")} == compiled

    place.run(check)
