"""The `homeport` command: the engine's life, the environment, and this machine's folders as Volumes."""

import json

import pytest

from tests.support.commands import Command
from tests.support.excused import excused

HELLO = """
    import modal

    app = modal.App("tour-homeport")


    @app.function()
    def hello():
        print("hello from", modal.current_function_call_id()[:3])
    """


@pytest.fixture
def shell(account, folder):
    """A shell of the user's, in which nothing was done yet."""
    command = Command(account, folder, ["sh", "-c"], account.environment)
    yield command
    command.end_all()


@pytest.fixture
def no_engine(shared_engine, homeport):
    """The home as it is when the user comes to it: no engine up. Whatever the test starts is stopped."""
    shared_engine.stop()
    yield
    homeport("down")


def test_up_status_down(no_engine, homeport):
    down = homeport("status", fails=True)
    assert down.code == 3
    assert "homeport up" in down.out
    said = homeport("up", "--port", "0")
    assert "The engine is up at http://127.0.0.1:" in said.out
    assert "already up" in homeport("up").out
    state = json.loads(homeport("status", "--json").out)
    assert state["engine"]["server_url"] in said.out
    assert "limits" in state
    assert "engine" in homeport("status").out
    homeport("down")
    assert homeport("status", fails=True).code == 3
    homeport("down")


def test_run_and_modal_start_the_engine_when_it_is_not_up(no_engine, homeport, write):
    write("app.py", HELLO)
    said = homeport("run", "app.py::hello")
    assert "hello from fc-" in said.lines
    assert "tour-homeport" in homeport("modal", "app", "list", "--json").out
    assert "Usage: modal" in homeport("modal", "--help").out


def test_env_points_this_shell_at_the_engine(engine, shell, write):
    write("app.py", HELLO)
    said = shell('eval "$(homeport env)" && modal run app.py')
    assert "hello from fc-" in said.lines
    after = shell('eval "$(homeport env)" && eval "$(homeport env --unset)" && env')
    assert "MODAL_" not in after.out


def test_activate_points_every_shell_at_the_engine_until_deactivate(engine, homeport, shell, write, account):
    write("app.py", HELLO)
    homeport("activate")
    try:
        assert "hello from fc-" in shell("modal run app.py").lines
        assert "homeport" in shell("modal profile current").out
    finally:
        homeport("deactivate")
    said = shell("modal run app.py", fails=True)
    assert "token" in said.text.lower()


def test_doctor_finds_this_machine_fit_and_says_how_limits_are_held(homeport):
    said = homeport("doctor")
    assert "namespace" in said.text.lower()
    assert "Traceback" not in said.text


def test_a_folder_of_this_machine_becomes_a_volume_without_a_copy(
    engine, homeport, modal, write, folder, account
):
    write("corpus/a.edf", "recording")
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-link")
        corpus = modal.Volume.from_name("tour-corpus")
        outputs = modal.Volume.from_name("tour-outputs")


        @app.function(volumes={"/corpus": corpus, "/outputs": outputs})
        def train():
            from pathlib import Path

            print("found", [path.name for path in sorted(Path("/corpus").iterdir())])
            try:
                Path("/corpus/a.edf").write_text("overwritten")
            except OSError as error:
                print("refused:", error.strerror)
            Path("/outputs/model.bin").write_text("weights")
            outputs.commit()
        """,
    )
    account.make_folder(folder / "outputs")
    homeport("volume", "link", "tour-corpus", "corpus")
    homeport("volume", "link", "--writable", "tour-outputs", "outputs")
    said = modal("run", "app.py")
    assert "found ['a.edf']" in said.lines
    reason = "Permission denied" if excused(account, "reason") else "Read-only file system"
    assert f"refused: {reason}" in said.lines
    assert (folder / "corpus" / "a.edf").read_text() == "recording"
    model = folder / "outputs" / "model.bin"
    assert model.read_text() == "weights"
    assert model.stat().st_uid == account.uid, "container uid 0 is the caller"

    write("corpus/b.edf", "another")
    assert "found ['a.edf', 'b.edf']" in modal("run", "app.py").lines
    assert "a.edf" in modal("volume", "ls", "tour-corpus").out
    assert modal("volume", "get", "tour-corpus", "a.edf", "-").content == "recording"
    refused = modal("volume", "rm", "tour-corpus", "a.edf", fails=True)
    assert "tour-corpus" in refused.text
    missing = homeport("volume", "link", "tour-nowhere", "no-such-folder", fails=True)
    assert "no-such-folder" in missing.err
    for name in ("tour-corpus", "tour-outputs"):
        modal("volume", "delete", "--yes", name)
    assert model.exists(), "deleting a linked volume leaves the folder alone"
