"""Where namespaces are closed, as in a Docker container: the same commands, under proot, which is said."""

import json

import pytest

from tests.support.commands import Command

pytestmark = pytest.mark.closed_only

APP = """
import os
import subprocess

import modal

image = (
    modal.Image.debian_slim()
    .pip_install("humanize")
    .run_commands("echo built > /etc/made", "rm /etc/issue && mkdir /opt/tool && echo 1 > /opt/tool/data")
    .env({"COLOUR": "blue"})
)
app = modal.App("tour-closed", image=image)
volume = modal.Volume.from_name("tour-closed", create_if_missing=True)


@app.function(volumes={"/data": volume}, secrets=[modal.Secret.from_dict({"TOKEN": "secret"})])
def train(epochs):
    import humanize

    print("COLOUR", os.environ["COLOUR"], os.environ["TOKEN"], humanize.intcomma(epochs), os.getuid())
    print("FILES", open("/etc/made").read().strip(), os.path.exists("/etc/issue"), os.listdir("/opt/tool"))
    with open("/data/model", "w") as file:
        file.write("epoch {}".format(epochs))
    os.remove("/data/old")
    volume.commit()
    with open("/root/scratch", "w") as file:
        file.write("mine")
    print("STATUS", subprocess.run(["sh", "-c", "sleep 100 & exit 3"]).returncode)
    for path in ("/opt/tool/data", "/usr/local/bin/python3", "/usr/bin/env"):
        try:
            open(path, "a").close()
            print("WROTE", path)
        except OSError:
            pass
    return epochs


@app.function(volumes={"/data": volume})
def check(number):
    assert not os.path.exists("/root/scratch")
    if number == 2:
        raise ValueError("two is odd")
    return number, sorted(os.listdir("/data"))


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


def test_an_app_with_an_image_and_a_volume_runs(modal, write):
    """Layers, the machine's files and other containers' stay as they are; commits and results are as ever."""
    write("app.py", APP)
    said = modal("run", "app.py")
    assert "COLOUR blue secret 1,000 0" in said.lines
    assert "FILES built False ['data']" in said.lines
    assert "STATUS 3" in said.lines
    assert "WROTE" not in said.out
    assert "RETURNED 1000" in said.lines
    assert "MAPPED [(1, ['model']), (3, ['model'])]" in said.lines
    assert "RAISED two is odd" in said.lines
    assert modal("volume", "get", "tour-closed", "model", "-").content == "epoch 1000"
    modal("volume", "delete", "--yes", "tour-closed")


def test_up_says_that_proot_is_used_and_status_what_it_cannot_hold(account, folder):
    homeport = Command(account, folder, ["homeport"], account.environment)
    env = {"HOMEPORT_HOME": str(account.base / "told")}
    try:
        said = homeport("up", "--port", "0", env=env)
        (line,) = [line for line in said.lines if "proot" in line]
        assert line.startswith("Namespaces are closed here (") and "homeport status" in line
        state = json.loads(homeport("status", "--json", env=env).out)
        assert state["isolation"]["engine"] == state["engine"]["engine"] == "proot"
        assert any(lack.startswith("processes: ") for lack in state["isolation"]["lacks"])
        assert "isolation   proot" in homeport("status", env=env).out
        assert "run under proot" in homeport("doctor", env=env).out
        refused = homeport("up", "--engine", "namespaces", env=env, fails=True)
        assert "homeport down && homeport up --engine namespaces" in refused.err
    finally:
        homeport("down", env=env)


def test_with_namespaces_asked_for_the_cure_is_named(account, folder, write):
    """What was asked for is what is used: the container is not started in another way."""
    homeport = Command(account, folder, ["homeport"], account.environment)
    env = {"HOMEPORT_HOME": str(account.base / "asked")}
    app = write("app.py", "import modal\napp = modal.App('a')\n@app.function()\ndef f(): pass\n")
    try:
        assert "proot" not in homeport("up", "--port", "0", "--engine", "namespaces", env=env).out
        said = homeport("run", app, env=env, fails=True)
        assert "unshare" in said.text and "Traceback" not in said.text
    finally:
        homeport("down", env=env)
