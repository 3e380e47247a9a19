"""What a container, and another user of the machine, cannot reach."""

import json
import subprocess

import pytest

PROBE = """
    import json
    import os
    import subprocess

    import modal

    app = modal.App("wire-isolation")
    mine = modal.Volume.from_name("wire-isolation-mine", create_if_missing=True)
    other = modal.Volume.from_name("wire-isolation-other", create_if_missing=True)


    pin = modal.Secret.from_dict({"PIN": "pin-of-the-neighbour"})


    @app.function(volumes={"/other": other}, secrets=[pin])
    def neighbour():
        with open("/other/mark", "w") as file:
            file.write("mark-of-the-neighbour")
        other.commit()
        with open("/root/mark", "w") as file:
            file.write("mark-of-the-neighbour")
        probe.remote(os.environ["MODAL_TASK_ID"])


    def can(action):
        try:
            action()
        except OSError as error:
            return ""
        return "yes"


    def runs(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        return "yes" if done.returncode == 0 else ""


    @app.function(volumes={"/mine": mine})
    def probe(neighbour_task):
        found = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    environ = open(f"/proc/{name}/environ", "rb").read()
                except OSError:
                    continue
                if b"pin-of-the-neighbour" in environ or b"as-" in environ:
                    found["secret in environ of " + name] = "yes"
        found["memory of PID 1"] = can(lambda: open("/proc/1/mem", "rb"))
        found["root of PID 1"] = can(lambda: os.listdir("/proc/1/root"))
        found["descriptors of PID 1"] = can(lambda: os.readlink("/proc/1/fd/0"))
        found["kernel's settings"] = can(lambda: open("/proc/sys/kernel/core_pattern", "w"))
        found["/sys"] = can(lambda: os.mkdir("/sys/fs/cgroup/escape"))
        found["sysrq"] = can(lambda: open("/proc/sysrq-trigger", "w"))
        found["a device"] = can(lambda: os.mknod("/root/disk", 0o60600, os.makedev(8, 0)))
        found["remount of /sys"] = runs("mount", "-o", "remount,rw", "/sys")
        found["unmount of /proc/sys"] = runs("umount", "/proc/sys")
        inner = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
        found["unmount in an inner namespace"] = runs(*inner, "umount /proc/sys || umount -l /sys")
        found["writing in an inner namespace"] = runs(*inner, "mount -o remount,rw,bind /proc/sys")
        seen = subprocess.run(
            ["find", "/", "-xdev", "(", "-name", "ctl.sock", "-o", "-name", "state.db", "-o", "-name",
             "token.json", "-o", "-name", neighbour_task + "*", ")", "-print"],
            capture_output=True, text=True,
        ).stdout
        found["files of the engine"] = seen
        found["neighbour's volume"] = str(os.listdir("/mine")).strip("[]")
        found["neighbour's volume's place"] = "yes" if os.path.exists("/other") else ""
        found["neighbour's files"] = "yes" if os.path.exists("/root/mark") else ""
        found["names beside the socket"] = " ".join(
            sorted(
                set(os.listdir("/__modal/run")) - {"api.sock", "arguments.pb", "notes.jsonl", "notes.key"}
            )
        )
        print("FOUND " + json.dumps(found))


    @app.local_entrypoint()
    def main():
        neighbour.remote()
    """


def test_a_container_reaches_neither_its_neighbour_nor_the_machine(modal, write):
    write("app.py", PROBE)
    said = modal("run", "app.py")
    line = next(line for line in said.lines if line.startswith("FOUND "))
    found = {what: how for what, how in json.loads(line.removeprefix("FOUND ")).items() if how}
    assert not found


LOOK = """
import os, socket, sys
home = sys.argv[1]
for path in ("", "token.json", "state.db", "state.db-wal", "logs", "t", "t/n.sock", "engine.log", "blobs"):
    try:
        os.stat(os.path.join(home, path, ".") if path in ("logs", "t", "blobs") else os.path.join(home, path))
        if path:
            print("reached", path)
    except PermissionError:
        pass
try:
    os.listdir(home)
    print("listed", home)
except PermissionError:
    pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        told = open(f"/proc/{pid}/cmdline", "rb").read() + b" " + open(f"/proc/{pid}/environ", "rb").read()
    except OSError:
        try:
            told = open(f"/proc/{pid}/cmdline", "rb").read()
        except OSError:
            continue
    if sys.argv[2].encode() in told and int(pid) not in (os.getpid(), os.getppid()):
        print("token seen in process", pid)
"""


def test_another_user_reaches_nothing_of_the_engine(account, engine, modal, write):
    token = json.loads((engine.home / "token.json").read_text())
    if subprocess.run(["setpriv", "--reuid=54399", "true"], capture_output=True).returncode:
        pytest.skip("needs root, to be another user")
    stranger = ["setpriv", "--reuid=54399", "--regid=54399", "--clear-groups"]
    look = ["/usr/bin/python3", "-I", "-S", "-c", LOOK, str(engine.home), token["token_secret"][:20]]
    done = subprocess.run([*stranger, *look], capture_output=True, text=True, cwd="/", check=True)
    assert done.stdout == ""
    for log in (engine.home / "engine.log", *(engine.home / "logs").glob("*.log")):
        assert token["token_secret"] not in log.read_text(errors="replace"), log
