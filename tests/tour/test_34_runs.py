"""Every run leaves a record: what shaped it, and how it went.

homeport run app.py::train --n 4
homeport runs
homeport show latest
"""

import json
import re
import urllib.request

import pytest

from tests.support import client
from tests.support.commands import interrupt, stop_app
from tests.support.waiting import wait_until

APP = """
import time

import modal

image = modal.Image.debian_slim().env({{"FLAG": "1"}}).add_local_dir("configs", "/root/configs")
app = modal.App("{name}", image=image)
results = modal.Volume.from_name("{name}", create_if_missing=True)


@app.function(
    volumes={{"/results": results}}, secrets=[modal.Secret.from_dict({{"TOKEN": "hunter2"}})], cloud="aws"
)
def train(config_path: str = "configs/full.yaml", n: int = 3, seconds: float = 0.0):
    text = open(f"/root/{{config_path}}").read()
    with open("/results/model.txt", "w") as file:
        file.write(f"{{text}} {{time.time()}}")
    print("began", flush=True)
    time.sleep(seconds)
    return n
"""


def record(homeport, named):
    return json.loads(homeport("show", named, "--format", "json").text)


def newest(homeport, app):
    return json.loads(homeport("runs", "--app", app, "--format", "json").text)[0]


def test_a_run_leaves_a_record(modal, homeport, write):
    write("configs/full.yaml", "limit: 50\npassword: hunter2\n")
    app = write("app.py", APP.format(name="tour-runs"))

    modal("run", f"{app}::train", "--n", "4")

    row = wait_until(lambda: (found := newest(homeport, "tour-runs")) and found["ended_at"] and found)
    assert (row["state"], row["function"]) == ("succeeded", "train")
    found = record(homeport, row["run_id"])
    (train,) = [function for function in found["functions"] if function["tag"] == "train"]
    environment = {variable["name"]: variable for variable in train["environment"]}
    assert environment["FLAG"]["origin"] == "image: ENV FLAG=1"
    assert environment["TOKEN"]["origin"].startswith("Secret.from_dict")
    (call,) = found["calls"]
    assert {argument["name"]: argument["value"] for argument in call["arguments"]}["n"] == "4"
    (config,) = found["configs"]
    assert (config["text"], config["brought_by"]) == ("limit: 50\npassword: <masked>\n", "mount")
    (volume,) = found["volumes"]
    assert volume["committed"] not in ("", volume["seen"])
    assert {file["path"] for file in found["source"]["files"]} >= {"/root/app.py", "/root/configs/full.yaml"}
    assert found["not_honoured"] == ["train: cloud= has no meaning on one machine; the function runs here."]
    (attempt,) = found["attempts"]
    assert attempt["memory_peak_bytes"] > 0
    assert "missing" not in found
    assert "hunter2" not in json.dumps(found)
    shown = homeport("show", row["run_id"]).text
    assert "tour-runs::train  succeeded" in shown


def test_the_record_is_complete_when_the_engine_was_killed_meanwhile(engine, modal, homeport, write):
    write("configs/full.yaml", "limit: 50\n")
    app = write("app.py", APP.format(name="tour-killed"))
    modal("run", "--detach", f"{app}::train")  # the image is built
    running = modal.start("run", "--detach", f"{app}::train", "--seconds", "12")
    wait_until(lambda: newest(homeport, "tour-killed")["state"] == "running", 60)
    run_id = newest(homeport, "tour-killed")["run_id"]
    wait_until(lambda: record(homeport, run_id).get("configs"), 60)

    engine.kill()
    engine.start()

    wait_until(lambda: record(homeport, run_id)["calls"][0].get("ended_at"), 60)
    running.end()
    stop_app(modal, run=running)  # unless its client said goodbye, it would go on for a minute
    wait_until(lambda: newest(homeport, "tour-killed")["ended_at"], 60)
    found = record(homeport, run_id)
    ends = {"stopped": "User stopped from CLI.", "succeeded": "It came to its end."}
    assert found["outcome"] == ends[found["state"]]
    assert found["calls"][0]["succeeded"] == 1
    assert found["functions"][0]["environment"]
    assert found["configs"][0]["path"] == "/root/configs/full.yaml"
    assert found["source"]["files"]
    (attempt,) = found["attempts"]
    assert attempt["curve"] and attempt["ended_at"]


def test_records_are_removed_on_demand_but_not_of_a_run_that_goes_on(engine, modal, homeport, write):
    write("configs/full.yaml", "limit: 50\n")
    app = write("app.py", APP.format(name="tour-pruned"))
    modal("run", f"{app}::train")
    ended = wait_until(lambda: (found := newest(homeport, "tour-pruned")) and found["ended_at"] and found)
    running = modal.start("run", "--detach", f"{app}::train", "--seconds", "60")
    wait_until(lambda: newest(homeport, "tour-pruned")["state"] == "running", 60)

    asked = homeport("runs", "prune", "--keep", "0", fails=True)
    assert "without a terminal, add --yes" in asked.err
    assert newest(homeport, "tour-pruned")["state"] == "running"
    said = homeport("runs", "prune", "--keep", "0", "--yes").out
    assert re.search(r"\d+ records? of .* removed, [\d.]+ [KM]iB in all", said)
    assert ended["run_id"] in homeport("show", ended["run_id"], fails=True).err
    (left,) = json.loads(homeport("runs", "--app", "tour-pruned", "--format", "json").text)
    assert left["state"] == "running"
    running.end()
    stop_app(modal, run=running)


DEPLOYED = """
import modal

app = modal.App("{name}", image=modal.Image.debian_slim().env({{"FLAG": "1"}}))


@app.cls()
class Trainer:
    size: int = modal.parameter(default=3)

    @modal.method()
    def fit(self, n: int, fast: bool = False):
        print("fitting", n, flush=True)
        return n


@app.function()
@modal.asgi_app()
def web():
    async def answer(scope, receive, send):
        if scope["type"] != "http":
            return
        call = await Trainer().fit.spawn.aio(9)
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": call.object_id.encode()}})

    return answer
"""


@pytest.mark.once_as("root")
def test_calls_of_a_deployed_class_tell_who_called_and_who_deployed(modal, python, homeport, write):
    app = write("app.py", DEPLOYED.format(name="tour-run-calls"))
    said = modal("deploy", app)
    fit = "modal.Cls.from_name('tour-run-calls', 'Trainer')(size=4).fit"
    write("ask.py", f"import modal\nfit = {fit}\nprint(fit.remote(7), list(fit.map([1, 2])))\n")

    assert "7 [1, 2]" in python("ask.py").text
    address = re.search(r"Function web\W+(http://127\.0\.0\.1:\d+)", said.text)[1]
    spawned = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=30).read()

    def ended():
        rows = json.loads(homeport("runs", "--app", "tour-run-calls", "--format", "json").text)
        return len(rows) == 4 and all(row["ended_at"] for row in rows) and rows

    by_web, by_map, by_script, deployment = wait_until(ended)
    assert [row["function"] for row in (by_script, by_map, by_web)] == ["Trainer.fit"] * 3
    assert (by_web["run_id"], deployment["kind"]) == (spawned.decode(), "deployment")
    found = record(homeport, by_script["run_id"])
    assert found["launcher"]["argv"][-1] == "ask.py"
    assert found["deployer"]["argv"][-1] == str(app)
    values = {argument["name"]: argument["value"] for argument in found["calls"][0]["arguments"]}
    assert values == {"self.size": "4", "n": "7", "fast": "false"}
    assert "given in ask.py:3." in homeport("explain", by_script["run_id"], "--arg", "n").text
    assert record(homeport, by_map["run_id"])["calls"][0]["inputs"] == 2
    found = record(homeport, by_web["run_id"])
    assert "launcher" not in found
    assert found["calls"][0]["made_in"] == "web"
    modal("app", "stop", "tour-run-calls", "--yes")


SERVED = """
import modal

app = modal.App("tour-run-served", image=modal.Image.debian_slim())


@app.function(schedule=modal.Period(seconds=1), env={{"MODE": "{mode}"}})
def tick({parameters}):
    print("tick {mode}", flush=True)
"""


@pytest.mark.once_as("user")
def test_a_served_app_that_is_edited_has_a_record_with_all_its_versions(modal, homeport, write):
    app = write("app.py", SERVED.format(mode="old", parameters=""))
    serving = modal.start("serve", app)
    serving.wait_for("tick old")
    write("app.py", SERVED.format(mode="new", parameters="k: int = 2"))
    serving.wait_for("tick new")
    interrupt(serving)
    serving.wait()

    row = wait_until(lambda: (found := newest(homeport, "tour-run-served")) and found["ended_at"] and found)
    found = record(homeport, row["run_id"])
    (edit,) = found["source"]["edits"]
    (file,) = found["source"]["files"]
    assert edit["replaced"][0]["path"] == file["path"] == "/root/app.py"
    assert edit["replaced"][0]["sha256"] != file["sha256"]
    assert [function["tag"] for function in found["functions"]] == ["tick", "tick"], (
        "one for each environment"
    )
    calls = [[argument["name"] for argument in call.get("arguments", ())] for call in found["calls"]]
    assert calls[0] == [] and calls[-1] == ["k"]
    assert "tick, version 2 of 2" in homeport("show", row["run_id"]).text


@pytest.mark.skipif(
    not client.can("commands in containers"), reason="this client asks for an encrypted connection to them"
)
@pytest.mark.once_as("user")
def test_a_shell_is_a_run_with_its_container(modal, homeport):
    look = "echo from a shell > /mnt/tour-run-shell/said"
    modal("volume", "create", "tour-run-shell")
    modal("shell", "--no-pty", "--volume", "tour-run-shell", "-c", look)

    row = wait_until(lambda: (found := newest(homeport, "modal shell")) and found["ended_at"] and found)
    found = record(homeport, row["run_id"])
    assert found["launcher"]["argv"][-1] == look
    (attempt,) = found["attempts"]
    assert attempt["function"].startswith("Sandbox sb-")
    assert attempt["command"][0] == "sleep"
    assert attempt["commands"][0]["argv"][-1] == look
    assert attempt["memory_peak_bytes"] > 0
    (volume,) = found["volumes"]
    assert (volume["name"], volume["seen"]) == ("tour-run-shell", "empty")
    assert volume["committed"].startswith("state ")
    assert found["functions"][0]["environment"]
    modal("volume", "delete", "--yes", "tour-run-shell")
