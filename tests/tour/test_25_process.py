"""`homeport up --engine process`: the same commands on plain processes, where nothing is isolated."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Command, stop_app
from tests.support.waiting import wait_until

# paths of the apps that this machine lacks and every user may make
AT = f"/tmp/hpp-{os.getpid()}"

APP = f"""
import os
import subprocess
import sys
from pathlib import Path

import modal

image = (
    modal.Image.debian_slim()
    .pip_install("humanize")
    .env({{"COLOUR": "blue"}})
    .add_local_dir("conf", "{AT}/conf")
    .add_local_file("words.txt", "/root/words.txt")
)
app = modal.App("tour-process", image=image)
volume = modal.Volume.from_name("tour-process", create_if_missing=True)


@app.function(volumes={{"{AT}-data": volume}}, secrets=[modal.Secret.from_dict({{"TOKEN": "secret"}})])
def train(epochs):
    import humanize

    print("ENV", os.environ["COLOUR"], os.environ["TOKEN"], "LEAK" in os.environ, humanize.intcomma(epochs))
    print("FILES", Path(__file__).with_name("words.txt").read_text(), open("{AT}/conf/a.yaml").read())
    open("{AT}-data/model", "w").write(f"epoch {{epochs}}")
    os.remove("{AT}-data/old")
    child = "import os, humanize, sys; print(sorted(os.listdir('{AT}-data')), sys.argv)"
    print("CHILD", subprocess.run([sys.executable, "-c", child, "x"], capture_output=True, text=True).stdout)
    volume.commit()
    open(os.path.expanduser("~/scratch"), "w").write("mine")
    return epochs


@app.function(volumes={{"{AT}-data": volume}}, max_containers=2)
def check(number):
    assert not os.path.exists("scratch")
    if number == 2:
        raise ValueError("two is odd")
    return number, sorted(os.listdir("{AT}-data"))


@app.local_entrypoint()
def main():
    with volume.batch_upload(force=True) as batch:
        batch.put_file(__file__, "/old")
    print("RETURNED", train.remote(1000))
    print("MAPPED", list(check.map([1, 3], order_outputs=True)))
    try:
        check.remote(2)
    except ValueError as error:
        print("RAISED", error)
"""


@pytest.fixture(scope="module")
def home(account) -> Path:
    """A home of its own, with the client and the Python that the account's engine has made already."""
    home = account.base / "pp"
    made = account.engine_home / "l"
    layers = account.make_folder(account.make_folder(home) / "l")
    for facts in made.glob("*.json") if made.is_dir() else ():
        kind = json.loads(facts.read_text()).get("kind")
        if kind in ("client", "dependencies", "python") and (made / facts.stem).is_dir():
            shutil.copytree(made / facts.stem, layers / facts.stem, symlinks=True)
            shutil.copy2(facts, layers)
    home.chmod(0o700)
    return home


@pytest.fixture
def plain(account, folder, home) -> Iterator[Command]:
    """The homeport command, with an engine of plain processes up."""
    command = Command(account, folder, ["homeport"], lambda: environment(account, home))
    said = command("up", "--port", "0", "--engine", "process")
    assert "Nothing is isolated, as asked" in said.out
    yield command
    command("down")
    command.end_all()
    left = [*Path("/tmp").glob(f"{Path(AT).name}*"), *Path("/").glob(f"{Path(AT).name}*")]
    assert not left, "links go with who needed them"


def environment(account, home):
    return {**account.environment(), "HOMEPORT_HOME": str(home)}


@pytest.mark.once_as("user")
def test_an_app_with_an_image_files_and_a_volume_runs(plain, write):
    write("app.py", APP)
    write("conf/a.yaml", "alpha")
    write("words.txt", "beta")
    said = plain("run", "app.py", env={"LEAK": "1"})
    assert "ENV blue secret False 1,000" in said.lines
    assert "FILES beta alpha" in said.lines
    assert "CHILD ['model'] ['-c', 'x']" in said.lines
    assert "RETURNED 1000" in said.lines
    assert "MAPPED [(1, ['model']), (3, ['model'])]" in said.lines
    assert "RAISED two is odd" in said.lines
    assert plain("modal", "volume", "get", "tour-process", "model", "-").content == "epoch 1000"
    plain("modal", "volume", "delete", "--yes", "tour-process")


APPS_AT_ONE_PATH = """
    import os, time
    import modal

    app = modal.App("{name}")
    volume = modal.Volume.from_name("{name}", create_if_missing=True)


    @app.function(volumes={{"{path}": volume}}, timeout=60)
    def train():
        print("started", flush=True)
        while not os.path.exists("{stop}"):
            time.sleep(0.02)
        with open("{path}/done", "w") as file:
            file.write("by {name}")
        print("found", sorted(os.listdir("{path}")), flush=True)
"""


@pytest.mark.once_as("root")
def test_two_apps_have_their_own_volume_at_one_path_and_outlive_a_killed_engine(plain, write, folder, home):
    """The engine is killed with -9 while both run; the next one goes on with them."""
    stop = folder / "stop"
    runs = []
    for name in ("tour-process-a", "tour-process-b"):
        source = APPS_AT_ONE_PATH.format(name=name, path=f"{AT}-both", stop=stop)
        runs.append(plain.start("run", "--detach", write(f"{name}.py", source)))
    for run in runs:
        run.wait_for("started", timeout_s=90)
    assert Path(f"{AT}-both").is_symlink()
    os.kill(json.loads((home / "engine.json").read_text())["pid"], signal.SIGKILL)
    said = plain("up")
    assert "Nothing is isolated, as asked" in said.out, "what was asked for is kept"
    assert len(plain("modal", "container", "list", "--json").rows) == 2
    stop.touch()
    for name in ("tour-process-a", "tour-process-b"):
        wait_until(lambda name=name: "done" in plain("modal", "volume", "ls", name).out, 30)
        assert plain("modal", "volume", "get", name, "done", "-").content == f"by {name}"
        plain("modal", "volume", "delete", "--yes", name)
    for run in runs:
        stop_app(plain, "modal", run=run)
    wait_until(lambda: not os.path.lexists(f"{AT}-both"), what="the link is gone")


def test_a_path_outside_that_this_user_may_make_or_not(plain, write, account):
    """At the root of the file system: root's container gets it, an ordinary user hears what to do."""
    path = f"/{Path(AT).name}"
    app = write(
        "app.py",
        f"""
        import modal

        app = modal.App("tour-process-path")
        volume = modal.Volume.from_name("tour-process-path", create_if_missing=True)


        @app.function(volumes={{"{path}": volume}})
        def f():
            open("{path}/x", "w").close()
            print("written")
        """,
    )
    said = plain("run", app, fails=account.uid != 0)
    if account.uid == 0:
        assert "written" in said.lines
    else:
        assert f"at {path} cannot be shown to a plain process: this user may not make {path}" in said.text
        assert f"once, as root: ln -s /proc/self/fd/500{path} {path}" in said.text
        assert "Traceback" not in said.text
    plain("modal", "volume", "delete", "--yes", "tour-process-path")


@pytest.mark.once_as("root")
def test_what_cannot_be_without_isolation_is_refused_by_name(plain, write):
    state = json.loads(plain("status", "--json").out)
    assert state["isolation"]["engine"] == state["engine"]["engine"] == "process"
    assert state["isolation"]["lacks"][0].startswith("nothing is isolated")
    assert "nothing is isolated" in plain("status").out
    app = """
        import modal

        app = modal.App("tour-process-no", image=modal.Image.debian_slim(){step})


        @app.function()
        def f():
            pass
    """
    for step, named in (
        (".run_commands('echo 1 > /opt/x')", "`RUN echo 1 > /opt/x` needs a root file system of its own"),
        (".apt_install('no-such-package')", "no-such-package"),
        (".from_registry('alpine:3')", "`FROM alpine:3` needs a root file system of its own"),
    ):
        said = plain("run", write("no.py", app.format(step=step)), fails=True)
        assert named in said.text and "homeport up --engine auto" in " ".join(said.text.split())
    said = plain("modal", "shell", "--cmd", "true", fails=True)
    assert "Sandboxes are made for code that nobody vouches for" in said.text


@pytest.mark.once_as("user")
def test_what_happens_to_a_variable_is_noted_in_plain_processes_too(plain, write):
    write(
        "app.py",
        """
        import os, subprocess, sys
        import modal

        app = modal.App("tour-process-notes")


        @app.function()
        def train():
            os.environ["LIMIT"] = "50"
            child = "import os; os.getenv('LIMIT')"
            subprocess.run([sys.executable, "-c", child], env=dict(os.environ, LIMIT="3"), check=True)
            folder = os.path.dirname(os.environ["MODAL_CONTAINER_ARGUMENTS_PATH"])
            for line in filter(str.strip, open(folder + "/notes.jsonl")):
                print("NOTE", line, end="")
        """,
    )
    said = plain("run", "app.py")
    notes = [json.loads(line.removeprefix("NOTE ")) for line in said.lines if line.startswith("NOTE ")]
    changes = [note for note in notes if note["kind"] == "set" and note["name"] == "LIMIT"]
    assert [note["stack"][0]["line"] for note in changes] == [9]
    reads = [note for note in notes if note["kind"] == "read" and note.get("name") == "LIMIT"]
    assert [note["stack"][0]["file"] for note in reads] == ["<string>"]
    assert reads[0]["pid"] != changes[0]["pid"]
    child = next(note for note in notes if note["kind"] == "child")
    assert child["changes"].keys() == {"LIMIT"}
    assert child["changes"]["LIMIT"] == reads[0]["digest"] != changes[0]["digest"]
