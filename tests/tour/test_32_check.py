"""`homeport check`: what would fail in the container, before it is built; `homeport run` asks it first."""

import json

import pytest

from tests.support.account import REPOSITORY

MISSING = """
    import modal

    app = modal.App("tour-check")
    image = modal.Image.debian_slim().add_local_file("dataset.py", "/app/dataset.py")


    @app.function(image=image)
    def train(epochs: int = 1):
        import dataset

        print("rows", dataset.ROWS * epochs)
    """

REFUSED = """
    import modal

    app = modal.App("tour-refused")
    image = modal.Image.debian_slim().add_local_python_source("src/dataset.py")


    @app.function(image=image)
    def train():
        print("trained")
    """


@pytest.mark.once_as("user")
def test_a_module_that_the_container_has_not_is_found_with_ways_to_mend_it(homeport, write):
    write("app.py", MISSING)
    write("dataset.py", "ROWS = 3\n")
    said = homeport("check", "app.py", fails=True)
    assert said.code == 1
    assert "app.py:9:12: HP101" in said.out and "'dataset'" in said.out
    assert "fix:" in said.out and "import dataset" in said.out
    assert homeport("check", "--static", "app.py", fails=True).code == 1
    taken_back = MISSING.replace("import dataset", "import dataset  # homeport: ignore[HP101]")
    write("app.py", taken_back)
    assert "1 ignored" in homeport("check", "app.py").out


@pytest.mark.once_as("user")
def test_run_stops_where_it_will_fail_and_runs_all_the_same_when_told(homeport, write):
    write("app.py", REFUSED)
    write("src/dataset.py", "ROWS = 3\n")
    said = homeport("run", "app.py", fails=True)
    assert said.code == 1
    assert "HP123" in said.err and "homeport run --no-check app.py" in said.err
    assert said.out == ""
    forced = homeport("run", "--no-check", "app.py", fails=True)
    assert "HP123" not in forced.text and "src/dataset" in forced.text


@pytest.mark.once_as("root")
def test_machines_read_it_as_json_and_sarif_and_github_shows_it_at_its_line(homeport, write):
    write("app.py", REFUSED)
    found = json.loads(homeport("check", "--static", "--format", "json", "app.py", fails=True).out)
    assert [finding["code"] for finding in found["findings"] if finding["severity"] == "error"] == ["HP123"]
    sarif = json.loads(homeport("check", "--static", "--format", "sarif", "app.py", fails=True).out)
    assert "HP123" in {entry["ruleId"] for entry in sarif["runs"][0]["results"]}
    said = homeport("check", "--static", "--format", "github", "app.py", fails=True)
    assert said.out.startswith("::error file=app.py,line=4,")


@pytest.mark.once_as("user")
def test_arguments_are_proved_against_the_signature(homeport, write):
    write("app.py", MISSING.replace("/app/dataset.py", "/root/dataset.py"))
    write("dataset.py", "ROWS = 3\n")
    assert homeport("check", "--static", "app.py::train", "--", "--epochs", "2").code == 0
    said = homeport("check", "--static", "app.py::train", "--", "--epoch", "2", fails=True)
    assert said.code == 1 and "HP502" in said.out and "--epochs" in said.out


@pytest.mark.once_as("root")
def test_what_cannot_be_checked_is_one_sentence_and_exit_status_2(homeport, write):
    write("app.py", REFUSED)
    said = homeport("check", "app.py::trian", fails=True)
    assert (said.code, said.err) == (2, "homeport: app.py has no function trian. Did you mean train?\n")
    assert homeport("check", "ap.py", fails=True).code == 2


@pytest.mark.once_as("root")
def test_each_code_is_explained(homeport):
    assert "HP101" in homeport("check", "--explain").out
    assert "Good:" in homeport("check", "--explain", "HP101").out


@pytest.mark.once_as("root")
def test_the_two_stories_are_found(homeport):
    broken = homeport("check", "--static", "examples/adr030/broken.py", cwd=REPOSITORY, fails=True)
    assert "'dataset'" in broken.out and "/app/src" in broken.out
    fifty = homeport("check", "--static", "examples/fifty_files/app.py", cwd=REPOSITORY)
    assert "BGB_LIMIT_FILES" in fifty.out and "'smoke'" in fifty.out
    for option in ("option1", "option2", "option3"):
        homeport("check", "--static", f"examples/adr030/{option}.py", cwd=REPOSITORY)
