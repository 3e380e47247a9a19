"""`BGB_LIMIT_FILES=50` gets into a full run by nine roads: the contract stops it, and says by which.

The app is examples/fifty_files with its fault, edited by a line or two for each road.
"""

import re

import pytest

from tests.support.roads import NAMED_SECRET, NO_DEFAULT, ROADS, SHELL, WARM, Road, lay_out, lines_of

pytestmark = pytest.mark.once_as("root")

BUILD_S = 300  # the first one builds the image

CALL = """
    import sys
    import modal

    train = modal.Function.from_name("fifty-files", "train")
    print("said", train.remote(*sys.argv[1:]))
"""


def assert_named(road: Road, app: str, said: str, *more: str) -> None:
    """That a text names the variable, and each line of the road by file and number."""
    assert "BGB_LIMIT_FILES" in said, said
    for statement in (*road.names, *more):
        lines = lines_of(statement, app)
        wanted = rf"\bapp\.py:({'|'.join(map(str, lines))})\b"
        assert re.search(wanted, said), f"{statement} is not named ({wanted}) in\n{said}"
    for words in road.says:
        assert words in said, f"{words!r} is not in\n{said}"


def run_id_of(text: str) -> str:
    found = re.search(r"\bap-\w+", text)
    assert found, text
    return found[0]


@pytest.fixture
def start_up_file(account):
    """Of the user's shell: it exports the variable, for whatever it was."""
    file = account.home_folder / ".bashrc"
    file.write_text("export EDITOR=vim\nexport BGB_LIMIT_FILES=50  # to try something\n")
    account.own(file)
    yield
    file.unlink()


@pytest.mark.usefixtures("start_up_file")
@pytest.mark.parametrize("road", [road for road in ROADS if road is not WARM], ids=str)
def test_stopped_and_named(modal, homeport, folder, account, road):
    """Before it has learned anything, by a sentence with the file and line of its road."""
    app = lay_out(road, folder, account)
    if road is NAMED_SECRET:
        modal("secret", "create", "--force", "brain-secrets", "BGB_LIMIT_FILES=50")
    entry = "app.py" if road is NO_DEFAULT else "app.py::train"
    said = modal("run", entry, *road.arguments(), env=road.shell, fails=True, timeout_s=BUILD_S)
    if road is NAMED_SECRET:
        modal("secret", "delete", "--yes", "brain-secrets")
    assert "[TRAIN]" not in said.out, "stopped before it learned anything"
    assert ("[APP] Training" in said.out) <= road.starts, "refused before a container started"
    assert_named(road, app, said.text)
    run = run_id_of(said.text)
    assert_named(road, app, homeport("explain", run, "BGB_LIMIT_FILES").out, *road.chain)
    assert ": broken." in homeport("contract", "show", run, fails=True).out


def test_an_earlier_run_in_the_same_warm_container_is_named_too(
    modal, python, homeport, folder, write, account
):
    app = lay_out(WARM, folder, account)
    write("call.py", CALL)
    modal("deploy", "app.py", timeout_s=BUILD_S)
    python("call.py", "configs/smoke_test.yaml")
    said = python("call.py", fails=True)
    assert_named(WARM, app, said.text)
    assert_named(WARM, app, homeport("explain", "latest", "BGB_LIMIT_FILES").out)
    modal("app", "stop", "--yes", "fifty-files")


def test_the_smoke_run_and_the_clean_full_run_keep_their_contracts(modal, homeport, folder, account):
    lay_out(SHELL, folder, account)
    smoke, full = (
        run_id_of(modal("run", "app.py::train", *arguments, timeout_s=BUILD_S).text)
        for arguments in (("--config-path", "configs/smoke_test.yaml"), ())
    )
    for run in (smoke, full):
        assert ": kept." in homeport("contract", "show", run).out
