"""Contracts: a run that is not the one that was asked for is stopped, and says why and where from."""

import json
import re
import time

import pytest

from tests.support.waiting import wait_until

TRAINING = """
    import os
    import subprocess
    import sys
    import time

    import modal

    app = modal.App("tour-contract-NAME")
    settings = modal.Secret.from_dict({k: v for k, v in os.environ.items() if k.startswith("TOUR_")})


    @app.function(secrets=[settings], retries=2)
    def train(config_path: str = "configs/full.yaml", patience: int = 0):
        files = int(os.environ.get("TOUR_LIMIT", "3734"))
        print(f"Loading {files} train, {files // 4} val files", flush=True)
        time.sleep(patience)
        print("::homeport cache=/results/" + config_path.split("/")[-1])
        print("trained to the end")


    @app.function()
    def parent(limit: str = ""):
        env = os.environ.copy()
        if limit:
            env["TOUR_LIMIT"] = limit
        code = "import time; print('child'); time.sleep(20)"
        subprocess.run([sys.executable, "-c", code], env=env, check=True)
        print("trained to the end")
    """

CONTRACT = r"""
    [contract.full]
    when = { function = "train", config_path = "configs/full.yaml" }
    observe = 'Loading (?P<train>\d+) train, (?P<val>\d+) val files'
    expect = { train = 3734 }
    """


def training(name):
    return TRAINING.replace("NAME", name)


def contract_of(homeport, run):
    """What the run's record says of its contract so far."""
    return json.loads(homeport("show", run, "--format", "json").out).get("contract", {})


@pytest.mark.once_as("user")
def test_a_run_with_too_few_files_is_stopped_at_once_and_says_which_variable_made_it_so(
    modal, homeport, write
):
    write("app.py", training("few"))
    write("homeport.toml", CONTRACT)
    modal("run", "app.py::train", "--patience", "0")  # the image is there from now on
    began = time.monotonic()
    said = modal("run", "app.py::train", "--patience", "60", env={"TOUR_LIMIT": "50"}, fails=True)
    assert time.monotonic() - began < 30
    assert (
        "Contract full is broken: expected 3734 train files, saw 50; TOUR_LIMIT came from Secret.from_dict "
        "in app.py:9, which took it from the shell"
    ) in said.complaint
    assert "Traceback" not in said.text and "trained to the end" not in said.out
    assert said.out.count("Loading 50 train") == 1  # no retry
    row = next(row for row in modal("app", "list", "--json").rows if row["app_id"] in said.text)
    assert row["state"] == "stopped"
    assert "expected 3734 train files, saw 50" in modal("app", "logs", row["app_id"]).out
    shown = homeport("contract", "show", row["app_id"], "--format", "json", fails=True)
    contract = json.loads(shown.out)
    assert contract["verdict"] == "broken" and contract["seen"]["train"] == "50"


def test_a_run_may_be_held_to_the_contract_that_one_has_in_mind(engine, homeport, write):
    write("app.py", training("asked"))
    write("homeport.toml", CONTRACT)
    smoke = ("app.py::train", "--config-path", "configs/smoke.yaml")
    assert "did you mean 'full'" in homeport("run", "--contract", "ful", *smoke, fails=True).err
    assert "trained to the end" in homeport("run", *smoke, env={"TOUR_LIMIT": "50"}).out
    slow = (*smoke, "--patience", "60")
    said = homeport("run", "--contract", "full", *slow, env={"TOUR_LIMIT": "50"}, fails=True)
    assert "Contract full is broken: expected 3734 train files, saw 50" in said.text
    assert "trained to the end" not in said.out
    record = json.loads(homeport("show", "latest", "--format", "json").out)
    assert record["launcher"]["argv"][:4] == ["homeport", "run", "--contract", "full"]
    assert record["contract"]["verdict"] == "broken"
    write(
        "idle.py", "import modal\n\napp = modal.App()\n\n\n@app.local_entrypoint()\ndef main():\n    pass\n"
    )
    said = homeport("run", "--contract", "full", "idle.py", fails=True)
    assert (said.code, "called no function" in said.err) == (3, True)


@pytest.mark.once_as("root")
def test_a_run_that_keeps_it_is_left_alone(modal, homeport, write):
    write("app.py", training("kept"))
    write("homeport.toml", CONTRACT)
    said = modal("run", "app.py::train")
    assert "trained to the end" in said.out and "ontract" not in said.text
    app_id = re.search(r"ap-\w{22}", said.text)[0]
    wait_until(lambda: contract_of(homeport, app_id).get("verdict") == "kept", what="the verdict")
    assert "kept" in homeport("contract", "show", app_id).out


def test_a_container_with_a_forbidden_variable_never_starts(modal, write):
    write("app.py", training("forbidden"))
    write("homeport.toml", CONTRACT + '    forbid_env = ["TOUR_LIMIT"]\n')
    said = modal("run", "app.py::train", env={"TOUR_LIMIT": "50"}, fails=True)
    assert "TOUR_LIMIT is forbidden here; it came from Secret.from_dict in app.py:9" in said.complaint
    assert "Loading" not in said.out


@pytest.mark.once_as("user")
def test_a_variable_that_a_child_is_given_stops_the_run_with_the_line_that_set_it(modal, write):
    write("app.py", training("child"))
    write("homeport.toml", '[contract.full]\nwhen = { function = "parent" }\nforbid_env = ["TOUR_LIMIT"]\n')
    said = modal("run", "app.py::parent", "--limit", "5", fails=True)
    assert "TOUR_LIMIT is forbidden here" in said.complaint and "app.py:25" in said.complaint
    assert "trained to the end" not in said.out


@pytest.mark.once_as("user")
def test_all_mistakes_are_told_before_anything_is_built(modal, write):
    write("app.py", training("mistakes"))
    write("homeport.toml", "[contract.full]\nforbidenv = []\nobserve = '('\n")
    said = modal("run", "app.py::train", fails=True)
    assert "homeport.toml:2:1: unknown key `forbidenv`" in said.complaint
    assert "homeport.toml:3:11: this pattern does not compile" in said.complaint
    assert "ap-" not in said.out


@pytest.mark.once_as("root")
def test_what_never_showed_and_what_matched_nothing_is_said_at_the_end(modal, write):
    write("app.py", training("unseen"))
    write("homeport.toml", CONTRACT.replace("train = 3734", "train = 3734, epochs = 3"))
    said = modal("run", "app.py::train")
    assert "Contract full is not kept: expected epochs = 3, and no line ever showed it." in said.text
    said = modal("run", "app.py::train", "--config-path", "configs/other.yaml")
    assert "No call of this run matched contract full (function = train" in said.text


@pytest.mark.once_as("user")
def test_homeport_run_exits_with_3_where_the_contract_was_not_kept(homeport, engine, write):
    write("app.py", training("status"))
    write("homeport.toml", CONTRACT.replace("train = 3734", "train = 3734, epochs = 3"))
    unseen = homeport("run", "app.py::train", fails=True)
    broken = homeport("run", "app.py::train", fails=True, env={"TOUR_LIMIT": "50"})
    for said in (unseen, broken):
        assert said.code == 3
        assert "Contract full was not kept" in said.err and "homeport contract show ap-" in said.err
    write("homeport.toml", CONTRACT)
    assert "not kept" not in homeport("run", "app.py::train").err


@pytest.mark.once_as("user")
def test_a_warning_is_said_and_the_run_goes_on(modal, write):
    write("app.py", training("warn"))
    write("homeport.toml", CONTRACT + '    on_violation = "warn"\n')
    said = modal("run", "app.py::train", env={"TOUR_LIMIT": "50"})
    assert "expected 3734 train files, saw 50" in said.text and "trained to the end" in said.out


@pytest.mark.once_as("root")
def test_two_runs_must_not_share_a_cache(modal, write):
    write("app.py", training("apart"))
    write(
        "homeport.toml",
        """
        [contract.full]
        when.config_path = { not = "*smoke*" }
        apart_from = { smoke = "cache" }

        [contract.smoke]
        when.config_path = "*smoke*"
        """,
    )
    modal("run", "app.py::train", "--config-path", "smoke/x.yaml")
    modal("run", "app.py::train", "--config-path", "full/y.yaml")
    said = modal("run", "app.py::train", "--config-path", "full/x.yaml", fails=True)
    assert "cache is /results/x.yaml, as it was in run ap-" in said.complaint


@pytest.mark.once_as("root")
def test_a_call_of_a_deployed_app_fails_and_the_app_stays(modal, python, write):
    write("app.py", training("deployed"))
    write("homeport.toml", CONTRACT)
    write(
        "call.py",
        """
        import sys

        import modal

        train = modal.Function.from_name("tour-contract-deployed", "train")
        try:
            print("got", train.remote(config_path=sys.argv[1]))
        except Exception as error:
            print(type(error).__name__, error)
        """,
    )
    modal("deploy", "app.py", env={"TOUR_LIMIT": "50"})
    write("homeport.toml", "")  # the version keeps its own
    assert (
        "expected 3734 train files, saw 50; TOUR_LIMIT came from"
        in python("call.py", "configs/full.yaml").out
    )
    assert "got None" in python("call.py", "configs/other.yaml").out
    assert "expected 3734" in python("call.py", "configs/full.yaml").out
    modal("app", "stop", "--yes", "tour-contract-deployed")


@pytest.mark.once_as("root")
def test_an_engine_that_is_killed_holds_the_run_to_its_contract_all_the_same(modal, homeport, engine, write):
    write(
        "app.py",
        training("killed").replace('print("trained to the end")', 'print("Loading 7 train, 1 val files")'),
    )
    write("homeport.toml", CONTRACT)
    run = modal.start("run", "--detach", "app.py::train", "--patience", "8")
    run.wait_for("Loading 3734 train")
    time.sleep(1)
    engine.kill()
    engine.start()
    app_id = re.search(r"ap-\w{22}", run.text)[0]
    wait_until(lambda: contract_of(homeport, app_id).get("verdict"), 40, "the verdict of the next engine")
    assert contract_of(homeport, app_id)["violations"][0]["sentence"] == "expected 3734 train files, saw 7."
    run.wait(40)  # it may have given up while there was no engine


@pytest.mark.once_as("user")
def test_a_contract_is_written_from_a_good_run(modal, homeport, write, folder):
    write("app.py", training("init"))
    modal("run", "app.py::train")
    said = homeport("contract", "init", "latest", "--name", "full")
    assert f"Wrote [contract.full] to {folder / 'homeport.toml'}" in said.out
    assert (
        "contract full: function = train, config_path = configs/full.yaml"
        in homeport("contract", "check").out
    )
    assert "already" in homeport("contract", "init", "latest", "--name", "full", fails=True).err
    modal("run", "app.py::train")
    said = modal("run", "app.py::train", env={"TOUR_LIMIT": "50"}, fails=True)
    assert (
        "expected 3734 train files, saw 50" in said.complaint or "TOUR_LIMIT is forbidden" in said.complaint
    )


@pytest.mark.once_as("root")
def test_guard_holds_a_run_elsewhere_to_a_contract(modal, homeport, engine, write):
    write("app.py", training("guard"))
    write("elsewhere/contract.toml", CONTRACT)
    words = ["guard", "--file", "elsewhere/contract.toml", "--", *modal.program, "run", "app.py::train"]
    here = engine.client_environment()
    assert homeport(*words, env=here).code == 0
    said = homeport(*words, "--patience", "60", env={**here, "TOUR_LIMIT": "50"}, fails=True)
    assert said.code == 3 and "trained to the end" not in said.out
    assert "homeport guard: Contract full is broken: expected 3734 train files, saw 50" in said.err
    app_id = re.search(r"ap-\w{22}", said.text)[0]
    row = next(row for row in modal("app", "list", "--json").rows if row["app_id"] == app_id)
    assert row["state"] == "stopped"
    detached = [*words[:-2], "run", "--detach", "app.py::train", "--patience", "3"]
    assert homeport(*detached, env=here).code == 0
