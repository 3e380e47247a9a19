"""The process behind a connection, what it was started with, and where that came from."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from homeport.control.runs.launchers import Launchers, as_typed
from homeport.control.runs.shell_files import lines_that_set
from homeport.model.home import Home
from homeport.record.run import Launcher, Place
from homeport.runtime import processes

SALT = b"salt"
BOOTSTRAP = ("/v/bin/python", "/s/homeport/cli/as_modal.py", "/h/1-2.jsonl", "")
CLIENT = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener


def launch(listener: socket.socket, home: Path, env: dict[str, str], code: str = CLIENT) -> Launcher | None:
    """A shell that starts a client, as a launcher and its parent."""
    port = str(listener.getsockname()[1])
    with subprocess.Popen(
        ["sh", "-c", '"$@"; true', "sh", "env", "TYPED=here", sys.executable, "-c", code, port, "x y"],
        env={"HOME": str(home), **env},
        cwd=home,
        stdin=subprocess.PIPE,
    ) as shell:
        connection, (address, number) = listener.accept()
        found = Launchers(Home(home), SALT).find(
            f"ipv4:{address}:{number}",
            {"x-modal-client-version": "1.6.4", "x-modal-python-version": "3.11.2"},
        )
        connection.close()
        assert shell.stdin is not None
        shell.stdin.close()
    return found


def test_the_launcher_is_found_with_its_shell(listener: socket.socket, tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("# mine\nexport FROM_FILE='a b'\nFROM_SHELL=other\n")
    found = launch(listener, tmp_path, {"FROM_FILE": "a b", "FROM_SHELL": "1"})

    assert found is not None
    assert found.argv[0].startswith("python")
    assert found.argv[-1] == "x y"
    assert found.cwd == str(tmp_path)
    assert found.client == "modal 1.6.4, Python 3.11.2"
    shell = {variable.name: variable for variable in found.shell}
    expected = hashlib.blake2b(b"a b", key=SALT, digest_size=16).hexdigest()
    assert shell["FROM_FILE"].digest == expected
    assert shell["FROM_FILE"].set_in == Place(str(tmp_path / ".bashrc"), 2)
    assert shell["FROM_SHELL"].set_in is None  # the file sets another value
    holder = shell["FROM_SHELL"].holder
    assert holder is not None
    assert holder.argv[:2] == ("sh", "-c")
    assert shell["TYPED"].holder is None
    assert [parent.pid for parent in found.parents][1] == os.getpid()


def test_both_ways_to_the_process_find_the_same(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with closing(socket.create_connection(("127.0.0.1", port))) as client:
        number = client.getsockname()[1]
        inode = os.fstat(client.fileno()).st_ino
        assert processes._asked("127.0.0.1", number, port) == (os.geteuid(), inode)
        assert processes._read("127.0.0.1", number) == (os.geteuid(), inode)
        assert processes._asked("127.0.0.1", number, port + 1) is None
        assert processes.holder_of("127.0.0.1", number, port) == os.getpid()


def test_a_fork_that_shares_the_connection_is_not_the_launcher(
    listener: socket.socket, tmp_path: Path
) -> None:
    code = CLIENT.replace("sys.stdin.read()", "import os; os.fork() or os.execvp('cat', ['cat'])")
    code = code.replace("; import os", "; s.set_inheritable(True); import os") + "; sys.stdin.read()"
    found = launch(listener, tmp_path, {}, code)
    assert found is not None
    assert found.argv[0].startswith("python")


def test_nobody_is_found_for_another_machine_or_a_connection_that_ended(tmp_path: Path) -> None:
    launchers = Launchers(Home(tmp_path), SALT)
    assert launchers.find("ipv4:10.1.2.3:4000") is None
    assert launchers.find("unix:ab12") is None
    assert launchers.find("ipv4:127.0.0.1:1") is None


def test_notes_of_a_launcher_are_taken_along(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "launches"
    folder.mkdir(parents=True)
    name = f"{os.getpid()}-{processes.started_ticks(os.getpid())}.jsonl"
    (folder / name).write_text('{"at": 1.0, "pid": 5, "kind": "read", "name": "X", "how": "get"}\nrubbish\n')
    notes = Launchers(Home(tmp_path), SALT).notes(os.getpid())
    assert [(note.kind, note.name) for note in notes] == [("read", "X")]


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (("/v/bin/python3", "/v/bin/modal", "run", "app.py"), "modal run app.py"),
        (("/v/bin/python3", "-m", "modal", "run", "app.py"), "python3 -m modal run app.py"),
        (("python", "script.py", "-x"), "python script.py -x"),
        (
            (*BOOTSTRAP, "3", "run", "--no-check", "a.py", "/v/bin/modal", "run", "a.py"),
            "homeport run --no-check a.py",
        ),
        (
            (*BOOTSTRAP, "3", "modal", "run", "a.py", "/v/bin/modal", "run", "a.py"),
            "homeport modal run a.py",
        ),
        (("node", "app.js"), "node app.js"),
    ],
)
def test_a_command_line_is_shown_as_typed(words: tuple[str, ...], typed: str) -> None:
    assert " ".join(as_typed(words)) == typed


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".bashrc", "export LIMIT=50"),
        (".bashrc", "export A=1 LIMIT=50 B=2"),
        (".profile", "LIMIT=50; export LIMIT"),
        (".zshrc", 'typeset -x LIMIT="50"  # smoke'),
        (".config/fish/config.fish", "set -gx LIMIT 50"),
        (".pam_environment", "LIMIT DEFAULT=50"),
        ("project/.envrc", "export LIMIT=$(smoke_limit)"),
        (".env", "LIMIT='50'"),
    ],
)
def test_the_line_of_a_start_up_file_is_named(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# comment about LIMIT=50\nother=1\n{text}\nexport LIMIT=7\n")
    found = lines_that_set({"LIMIT": "50"}, str(tmp_path), str(tmp_path / "project"))
    assert found == {"LIMIT": Place(str(path), 3)}


def test_paths_of_a_launcher_in_a_container_are_not_taken_for_this_machines(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".profile").write_text("export BGB_LIMIT_FILES=50\n")
    monkeypatch.setattr(processes, "sees_our_files", lambda pid: False)
    found = launch(listener, tmp_path, {"BGB_LIMIT_FILES": "50"})
    assert found is not None and found.argv and found.cwd == ""
    assert all(variable.set_in is None for variable in found.shell)


def test_a_secret_on_the_command_line_is_not_recorded(listener: socket.socket, tmp_path: Path) -> None:
    code = CLIENT.replace("sys.stdin", "API_KEY='hunter2'; sys.stdin")
    found = launch(listener, tmp_path, {}, code.replace("; API", "\nAPI"))
    assert found is not None and "<masked>" in str(found.argv)
    assert "hunter2" not in str(found.argv) + str(found.parents)
