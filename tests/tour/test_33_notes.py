"""What happens to a variable in a container is noted, line by line, and the program notices nothing."""

import json

import pytest

APP = """
import os
import subprocess
import sys

import modal

app = modal.App("tour-notes", image=modal.Image.debian_slim())
os.environ["LIMIT"] = "50"                                        # line 8


def notes():
    folder = os.path.dirname(os.environ["MODAL_CONTAINER_ARGUMENTS_PATH"])
    with open(folder + "/notes.jsonl") as file:
        return file.read()


@app.function()
def train():
    limit = os.environ.get("LIMIT")                               # line 19
    env = dict(os.environ, LIMIT="3")                             # line 20
    child = "import os; os.environ['DEPTH']; os.system('true')"
    script = "import os, subprocess, sys\\nos.environ['DEPTH'] = '2'\\n"
    script += f"subprocess.run([sys.executable, '-c', {child!r}])"
    subprocess.run([sys.executable, "-c", script], env=env, check=True)   # line 24
    if os.fork() == 0:
        os.closerange(3, 256)
        os.environ["FORKED"] = "1"                                # line 27
        os.execv(sys.executable, [sys.executable, "-c", "import os; os.getenv('FORKED')"])
    os.wait()
    with open("/tmp/settings.yaml", "w") as file:                 # line 30
        file.write("limit: 50")
    victim = subprocess.Popen([sys.executable, "-c", "import os, time; os.getenv('DYING'); time.sleep(60)"])
    while '"name":"DYING"' not in notes():
        pass
    victim.kill()
    victim.wait()
    ours = [name for name in sys.modules if "homeport" in name]
    return notes(), ours, type(os.environ).__name__, os.environ == os.environ.copy(), limit


@app.local_entrypoint()
def main():
    import json
    print("RETURNED", json.dumps(train.remote()))
"""


@pytest.mark.proot_too
def test_every_change_and_first_read_is_noted_with_its_line(modal, write):
    app = write("app.py", APP)

    output = modal("run", app).text

    answer = next(line for line in output.splitlines() if line.startswith("RETURNED"))
    text, ours, kind, is_equal, limit = json.loads(answer.removeprefix("RETURNED"))
    assert (ours, kind, is_equal, limit) == ([], "_Environ", True, "50")
    notes = [json.loads(line) for line in text.splitlines() if line]
    seen = {_short(note) for note in notes}
    assert {
        ("set", "LIMIT", "app.py:8"),
        ("read", "LIMIT", "app.py:19"),
        ("read", "", "app.py:20"),
        ("set", "DEPTH", "<string>:2"),
        ("read", "DEPTH", "<string>:1"),
        ("set", "FORKED", "app.py:27"),
        ("read", "FORKED", "<string>:1"),
        ("open", "/tmp/settings.yaml", "app.py:30"),
        ("read", "DYING", "<string>:1"),
    } <= seen
    digests = {note["name"]: note["digest"] for note in notes if note["kind"] == "set"}
    assert _one(notes, "read", "LIMIT")["digest"] == digests["LIMIT"]
    child = next(note for note in notes if note["kind"] == "child" and note["stack"][0]["line"] == 24)
    assert list(child["changes"]) == ["LIMIT"]
    assert child["changes"]["LIMIT"] not in (digests["LIMIT"], "")
    assert ["/bin/sh", "-c", "true"] in [note["argv"] for note in notes if note["kind"] == "child"]
    family = {note["pid"]: note.get("parent") for note in notes if note["kind"] == "process"}
    grandchild = _one(notes, "read", "DEPTH")["pid"]
    own = _one(notes, "set", "LIMIT")["pid"]
    assert family[family[grandchild]] == own
    assert '"50"' not in text  # no value is written down


def _short(note):
    stack = note.get("stack") or [{"file": "", "line": 0}]
    file = stack[0]["file"].rpartition("/")[2]
    return note["kind"], note.get("name") or note.get("path") or "", f"{file}:{stack[0]['line']}"


def _one(notes, kind, name):
    return next(note for note in notes if note["kind"] == kind and note.get("name") == name)


LAUNCHED = """
import os

import modal

app = modal.App("tour-launched", image=modal.Image.debian_slim())
secret = modal.Secret.from_dict({"LIMIT": os.environ["LIMIT"]})     # line 6


@app.function(secrets=[secret])
def train():
    return os.environ["LIMIT"]


@app.local_entrypoint()
def main(epochs: int = 1):
    print("TRAINED", train.remote())
"""


def test_homeport_run_notes_what_the_app_reads_where_it_is_launched(homeport, engine, write, folder):
    app = write("launched.py", LAUNCHED)

    output = homeport("run", app, "--epochs", 2, env={"LIMIT": "50"}).text

    assert "TRAINED 50" in output
    record = homeport("show", "latest", "--format", "json").out
    launcher = json.loads(record)["launcher"]
    assert launcher["argv"] == ["homeport", "run", str(app), "--epochs", "2"]
    assert launcher["cwd"] == str(folder)
    read = next(note for note in launcher["notes"] if note.get("name") == "LIMIT")
    assert (read["stack"][0]["file"], read["stack"][0]["line"]) == (str(app), 6)
    variable = next(each for each in launcher["shell"] if each["name"] == "LIMIT")
    assert variable["digest"] == read["digest"]
