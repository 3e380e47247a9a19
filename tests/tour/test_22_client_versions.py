"""Older official clients on the same engine as the newest: each gets containers with its own version.

Each mode takes one version, so that all are seen; `make compat` runs the whole tour with each.
"""

import pytest

from scripts import compat
from tests.support import client
from tests.support.commands import Command

VERSION_IN = {"root": "1.5.5", "user": "1.4.3"}

APP = """
    import modal
    import modal_version

    base = modal.Image.debian_slim().env({"STEP": "set"})
    image = base.run_commands("mkdir /opt/made && echo built > /opt/made/it")
    volume = modal.Volume.from_name("versions", create_if_missing=True)
    app = modal.App("versions", image=image)


    @app.function()
    def version():
        return modal_version.__version__


    @app.function()
    def square(x):
        return x * x


    @app.function(volumes={"/mnt/v": volume})
    def keep(text):
        import os

        with open("/opt/made/it") as file:
            made = file.read().strip()
        with open("/mnt/v/kept", "w") as file:
            file.write(f"{text} {made} {os.environ['STEP']}")
        volume.commit()


    @app.function()
    def count(n):
        yield from range(n)


    @app.function()
    def fail():
        raise ValueError("as it was")


    @app.cls()
    class Greeter:
        word: str = modal.parameter(default="hello")

        @modal.enter()
        def enter(self):
            self.entered = "entered"

        @modal.method()
        def greet(self, name):
            return f"{self.word} {name} {self.entered}"


    @app.local_entrypoint()
    def main():
        print("CLIENT", modal.__version__, version.remote())
        print("MAP", sorted(square.map(range(5))), list(count.remote_gen(3)))
        print("SPAWN", square.spawn(9).get())
        print("CLASS", Greeter().greet.remote("Tom"), Greeter(word="moin").greet.remote("Ida"))
        keep.remote("text")
        try:
            fail.remote()
        except ValueError as error:
            print("RAISED", error)
    """


@pytest.fixture
def older(engine, folder, account):
    """The version of this mode, and its `modal` command. Skipped where it cannot be installed."""
    version = VERSION_IN[account.name]
    try:
        place = compat.ensure(version)
    except LookupError as error:
        pytest.skip(str(error))
    command = Command(account, folder, [str(place / "modal")], engine.client_environment)
    yield version, command
    command.end_all()


@pytest.mark.once_as("root")
@pytest.mark.skipif(client.version() != client.NEWEST, reason="beside the newest client, not an older one")
def test_an_older_client_runs_and_deploys_beside_the_newest(older, modal, python, write):
    version, older_modal = older
    write("app.py", APP)
    said = older_modal("run", "app.py")
    assert [
        line for line in said.lines if line.split()[0] in ("CLIENT", "MAP", "SPAWN", "CLASS", "RAISED")
    ] == [
        f"CLIENT {version} {version}",
        "MAP [0, 1, 4, 9, 16] [0, 1, 2]",
        "SPAWN 81",
        "CLASS hello Tom entered moin Ida entered",
        "RAISED as it was",
    ]
    assert older_modal("volume", "get", "versions", "kept", "-").content == "text built set"
    assert modal("volume", "get", "versions", "kept", "-").content == "text built set"

    # a deployment by an older client, called and then replaced by the newest
    write("ask.py", "import modal; print('IN', modal.Function.from_name('versions', 'version').remote())")
    older_modal("deploy", "app.py")
    assert f"IN {version}" in python("ask.py").lines
    modal("deploy", "app.py")
    assert f"IN {client.NEWEST}" in python("ask.py").lines
    modal("app", "stop", "--yes", "versions")
    modal("volume", "delete", "--yes", "versions")
