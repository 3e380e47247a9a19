"""Modal's JavaScript library: calls what Python deployed, and shares secrets, queues and volumes with it.

What is shown stands in tests/clients/js, a file for each topic; here it is run, as root and as an ordinary
user.
"""

import re
import shutil
from pathlib import Path

import pytest

from scripts import compat
from tests.support.account import REPOSITORY
from tests.support.commands import Command

pytestmark = pytest.mark.once_as("root")


@pytest.fixture(scope="session")
def node_modules():
    """The folder with the JavaScript library; the test is skipped where it cannot be had."""
    try:
        return compat.ensure_javascript()
    except LookupError as error:
        pytest.skip(str(error))


@pytest.fixture
def node(engine, folder, node_modules):
    """`node("file.mjs")` in the test's folder, with the environment that `homeport env` makes."""
    (folder / "node_modules").symlink_to(node_modules)
    program = [str(shutil.which("node")), "--test-reporter=tap"]
    command = Command(engine.account, folder, program, engine.client_environment)
    yield command
    command.end_all()


@pytest.fixture
def javascript(node):
    """`node` for scripts that use the official library."""
    return node


@pytest.fixture
def deployed(modal, write):
    """The Python side: an app, and a Secret."""
    write("app.py", (compat.JAVASCRIPT / "app.py").read_text())
    modal("secret", "create", "--force", "js-keys", "KEY=value")
    modal("deploy", "app.py")
    yield
    modal("app", "stop", "--yes", "js-app")


def passed(node, write, topic, **env):
    """Runs a file of tests/clients/js and returns how many of its tests passed; raises if one failed."""
    script = compat.JAVASCRIPT / f"{topic}.mjs"
    write(script.name, script.read_text())
    said = node(script.name, env=env)
    ended = dict(re.findall(r"^# (\w+) (\d+)$", said.out, re.MULTILINE))
    assert (ended["fail"], ended["cancelled"], ended["skipped"]) == ("0", "0", "0"), said
    return int(ended["pass"])


def test_functions_classes_queues_storage_and_sandboxes_from_javascript(javascript, write, deployed):
    tests = {"functions": 15, "classes": 4, "queues": 6, "storage": 7, "sandboxes": 4}
    assert {topic: passed(javascript, write, topic) for topic in tests} == tests


def test_sandboxes_of_the_older_kind(javascript, write):
    """Those that the library made before its second kind became the default, as older Python clients do."""
    assert passed(javascript, write, "sandboxes", MODAL_SANDBOX_V2="0") == 4


def test_grpc_s_own_javascript_implementation_understands_the_engine(node, write):
    assert passed(node, write, "interop") == 8


def test_the_example_of_the_documentation_runs(modal, javascript, write):
    page = (Path(REPOSITORY) / "docs" / "clients.md").read_text()
    blocks = dict(re.findall(r"```(python|js)\n(.*?)```", page, re.DOTALL))
    write("app.py", blocks["python"])
    write("call.mjs", blocks["js"])
    modal("deploy", "app.py")
    try:
        said = javascript("call.mjs").lines
    finally:
        modal("app", "stop", "--yes", "greetings")
    assert [line for line in said if not line.startswith(("#", "TAP", "1..", "ok"))] == [
        "hello Ida",
        "hello Tom",
        "6",
    ]


def test_a_spawned_call_outlives_a_killed_engine_and_is_found_by_its_id(engine, javascript, write, deployed):
    write(
        "spawn.mjs",
        """
        import { ModalClient } from "modal";

        const wait = await new ModalClient().functions.fromName("js-app", "wait");
        console.log("SPAWNED", (await wait.spawn([1])).functionCallId);
        """,
    )
    write(
        "get.mjs",
        """
        import { ModalClient } from "modal";

        const call = await new ModalClient().functionCalls.fromId(process.argv[2]);
        console.log("RESULT", await call.get());
        """,
    )
    (call_id,) = re.findall(r"SPAWNED (fc-\w+)", javascript("spawn.mjs").out)
    engine.kill()
    engine.start()
    assert "RESULT done" in javascript("get.mjs", call_id).lines
