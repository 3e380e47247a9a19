"""Where something in a run came from, and what differs between two: asked of real runs."""

import json
import re

import pytest

APP = """
import os
import subprocess
import sys

import modal

settings = modal.Secret.from_dict({name: os.environ[name] for name in ["LIMIT"] if name in os.environ})
image = modal.Image.debian_slim().env({"LAYER": "im"}).add_local_file("train.py", "/app/train.py")
image = image.add_local_dir("configs", "/app/configs")
app = modal.App("tour-explain", image=image)


@app.function(secrets=[settings], env={"GIVEN": "env"})
def train(config_path: str = "configs/full.json"):
    env = os.environ.copy()
    if "smoke" in config_path:
        env["LIMIT"] = "50"
    subprocess.run([sys.executable, "train.py", config_path], cwd="/app", env=env, check=True)
"""

TRAIN = """
import json
import os
import sys

with open(sys.argv[1]) as file:
    settings = json.load(file)
limit = os.environ.get("LIMIT")
print("LIMIT", limit, "of", settings["data"]["files"])
"""


def line_of(text, part):
    return next(number for number, line in enumerate(text.strip().splitlines(), 1) if part in line)


@pytest.fixture
def app(write):
    write("train.py", TRAIN)
    write("configs/full.json", '{\n "data": {\n  "files": 3734}}')
    write("configs/smoke.json", '{\n "data": {\n  "files": 50}}')
    return write("app.py", APP)


@pytest.fixture
def run(modal, homeport, app):
    """Runs the app and returns the run's id."""

    def run(*arguments, **environment):
        said = modal("run", f"{app.name}::train", *arguments, env=environment)
        assert "LIMIT" in said.out
        return json.loads(homeport("runs", "--format", "json", "--limit", "1").out)[0]["run_id"]

    return run


def explained(homeport, *arguments):
    return " ".join(homeport("explain", *arguments).out.split())


@pytest.mark.once_as("user")
def test_the_road_of_a_leaked_variable_is_told_with_its_lines(run, homeport):
    leaked = run(LIMIT="50")
    said = explained(homeport, leaked, "LIMIT")
    made, read, started = (
        line_of(APP, "from_dict"),
        line_of(TRAIN, 'get("LIMIT")'),
        line_of(APP, "subprocess.run"),
    )
    assert said.startswith(f"LIMIT came from Secret.from_dict in app.py:{made}, which took it from the shell")
    assert f"/app/train.py:{read} and 1 more read it. 1 shell" in said
    assert "its value is the one in your shell" in said
    assert re.search(rf"app\.py:{started} started `python\S* train\.py", said)
    given = explained(homeport, leaked, "GIVEN")
    assert f"GIVEN=env came from the function's env= in app.py:{line_of(APP, 'env={')}" in given
    assert "LAYER=im came from the image: ENV" in explained(homeport, leaked, "LAYER")
    assert "The nearest names: LIMIT" in homeport("explain", leaked, "LIMITS", fails=True).out


@pytest.mark.once_as("user")
def test_a_smoke_test_against_the_full_run_takes_a_dozen_lines(run, homeport):
    full, smoke = run(), run("--config-path", "configs/smoke.json")
    said = explained(homeport, smoke, "LIMIT")
    line, decided = line_of(APP, 'env["LIMIT"]'), line_of(APP, 'if "smoke"')
    assert (
        f'app.py:{line}, because "smoke" is in config_path = "configs/smoke.json" (app.py:{decided})' in said
    )
    said = explained(homeport, smoke, "--arg", "config_path")
    assert "as typed: --config-path configs/smoke.json." in said
    said = explained(homeport, smoke, "--config", "files")
    assert said.startswith("data.files is 50, by /app/configs/smoke.json:3, which /app/train.py:5 opened")
    said = explained(homeport, smoke, "--file", "train.py")
    assert f"A mount brought /app/train.py, added in app.py:{line_of(APP, 'add_local_file')}" in said

    found = homeport("diff", smoke, full, fails=True)
    assert found.code == 1
    assert '"configs/smoke.json" → "configs/full.json"' in found.out
    assert "50 → 3734" in found.out
    assert len(found.lines) < 20
    assert homeport("diff", smoke, smoke).code == 0
