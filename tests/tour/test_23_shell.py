"""A shell in a container, and commands run there from outside: in a terminal like any other, or in none."""

import re
import socket

import pytest

from tests.support import client
from tests.support.commands import interrupt
from tests.support.excused import excused

pytestmark = pytest.mark.skipif(
    not client.can("commands in containers"), reason="this client asks for an encrypted connection to them"
)


def prompt(account) -> str:
    name = socket.gethostname() if excused(account, "host name") else "modal"
    return rf"root@{re.escape(name)}:[^\n]*# "


APP = """
import time

import modal

app = modal.App("{name}", image=modal.Image.debian_slim())
volume = modal.Volume.from_name("{name}", create_if_missing=True)


@app.function(volumes={{"/data": volume}}, secrets=[modal.Secret.from_dict({{"SECRET": "kept"}})])
def train():
    with open("/data/state", "w") as file:
        file.write("epoch 1")
    print("training", flush=True)
    time.sleep(300)
"""


@pytest.fixture
def training(modal, write, account):
    """The id of a container that works on an input; its app ends with the test."""
    write("app.py", APP.format(name=f"tour-exec-{account.name}"))
    running = modal.start("run", "app.py::train")
    running.wait_for("training")
    containers = modal("container", "list", "--json").rows
    yield next(each["container_id"] for each in containers if each["app_name"].startswith("tour-exec"))
    interrupt(running)
    running.wait()
    modal("volume", "delete", "--yes", f"tour-exec-{account.name}")


def test_a_command_runs_in_a_running_container(modal, training):
    """Its volumes, secrets and files are the container's, what it prints is here."""
    said = modal(
        "container",
        "exec",
        "--no-pty",
        training,
        "--",
        "sh",
        "-c",
        "cat /data/state; echo; pwd; echo $SECRET >&2",
    )
    assert said.lines == ["epoch 1", "/root", "kept"]
    many = modal("container", "exec", "--no-pty", training, "--", "seq", "200000")
    assert many.out == "".join(f"{number}\n" for number in range(1, 200001))
    missing = modal("container", "exec", "--no-pty", training, "no-such-command")
    assert missing.text == "no-such-command: No such file or directory\n"
    gone = modal("container", "exec", "--no-pty", "ta-0123456789012345678901", "true", fails=True)
    assert "Container ta-0123456789012345678901 does not run; `modal container list`" in gone.text
    assert "Traceback" not in gone.text


def test_a_terminal_in_a_running_container(terminal, training, account):
    """Size, Ctrl-C, job control and raw reading are those of a terminal; afterwards ours is as it was."""
    shell = terminal("container", "exec", training, "bash", rows=31, columns=97)
    shell.wait_for(prompt(account))
    shell.type("tty; stty size; echo $TERM\n")
    shell.wait_for(r"/dev/pts/\d+\s+31 97\s+xterm-256color")
    # The keys go to a program that has the terminal and starts none: between two commands a shell would
    # not hear them, and one that is starting a program by vfork cannot stop.
    shell.type("sh -c 'echo as\"\"leep; read line'\n")
    shell.wait_for("asleep")
    shell.type("\x03")
    shell.wait_for(r"\^C")
    shell.wait_for(prompt(account))
    shell.type("sh -c 'echo as\"\"leep; read line'\n")
    shell.wait_for("asleep")
    shell.type("\x1a")
    shell.wait_for("Stopped")
    shell.type("kill %1; fg; stty raw -echo; echo r''aw; head -c 3 | od -c; stty sane\n")
    shell.wait_for("raw\r?\n")
    shell.type("\x1b[A")
    shell.wait_for(r"033   \[   A")
    shell.type("exit\n")
    assert shell.wait() == 0
    assert shell.is_restored()


def test_modal_shell(terminal, modal, write, account):
    """`modal shell app.py::train` has the function's image, files, volumes and secrets, and ends with the
    client; without a function it has what its options say."""
    name = f"tour-shell-{account.name}"
    write("app.py", APP.format(name=name))
    write("notes.txt", "remember\n")
    shell = terminal("shell", "app.py::train", rows=33, columns=101)
    shell.wait_for(prompt(account), timeout_s=60)
    shell.type("stty size; echo $SECRET; ls /root /data -d; echo from a shell > /data/said\n")
    shell.wait_for(r"33 101\s+kept\s+/data\s+/root")
    shell.type("exit 3\n")
    assert shell.wait() == 0  # the client's own: it does not pass the shell's on
    assert shell.is_restored()
    look = "cat /mnt/*/said /mnt/notes.txt; id -un; test -t 0 || echo no terminal"
    said = modal("shell", "--no-pty", "--volume", name, "--add-local", "notes.txt", "-c", look)
    assert said.lines[:4] == ["from a shell", "remember", "root", "no terminal"]
    modal("volume", "delete", "--yes", name)
