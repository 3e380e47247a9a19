"""Running a run again from its page."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.record.run import Launcher, Note, Run, ShellVariable
from tests.support.waiting import wait_until
from tests.unit.web.pages.browsing import Browser, Site
from tests.unit.web.pages.made_runs import RUN_ID, whole_run
from tests.unit.web.pages.test_door import token_of


def launched(site: Site, *argv: str, cwd: object) -> Run:
    launcher = Launcher(
        argv,
        str(cwd),
        shell=(ShellVariable("BGB_LIMIT_FILES", "d"), ShellVariable("UNREAD", "d")),
        notes=(Note(0.0, 1, "read", name="BGB_LIMIT_FILES"),),
    )
    run = replace(whole_run(), launcher=launcher)
    site.records.runs = [run]
    return run


def run_again(browser: Browser) -> str:
    """The page of the new process."""
    form = browser.get(f"/runs/{RUN_ID}/rerun").text
    answer = browser.post(f"/runs/{RUN_ID}/rerun", {"token": token_of(form)})
    assert answer.status == 303, answer.text
    return answer.headers["location"]


def ended(browser: Browser, path: str) -> str:
    wait_until(lambda: "data-again" not in browser.get(path).text, timeout_s=20)
    return browser.get(path).text


def test_the_command_runs_in_its_folder_with_a_clean_environment(
    site: Site, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BGB_LIMIT_FILES", "50")  # of the shell that started the engine
    program = (
        "import json, os; json.dump([os.getcwd(), dict(os.environ)], open('seen', 'w')); print('done <b>')"
    )
    launched(site, sys.executable, "-c", program, cwd=tmp_path)

    page = ended(browser, run_again(browser))

    folder, environment = json.loads((tmp_path / "seen").read_text())
    assert folder == str(tmp_path)
    assert "BGB_LIMIT_FILES" not in environment
    assert environment["MODAL_SERVER_URL"] == "http://127.0.0.1:7437"
    assert environment["MODAL_TOKEN_SECRET"] == "as-test"
    assert "done &lt;b&gt;" in page
    assert "ended well" in page


def test_modal_is_found_beside_the_engine_s_python(
    site: Site, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # of a service that was started without a virtual environment
    launched(site, "modal", "--help", cwd=tmp_path)

    assert "Usage: modal" in ended(browser, run_again(browser))


def test_its_new_run_is_found_in_what_it_prints(site: Site, browser: Browser, tmp_path: Path) -> None:
    new = "ap-" + "n" * 22
    launched(
        site,
        sys.executable,
        "-c",
        f"print('View run at http://127.0.0.1:1/runs/{new}'); exit(3)",
        cwd=tmp_path,
    )

    page = ended(browser, run_again(browser))

    assert f'href="/runs/{new}"' in page
    assert f"/compare?a={RUN_ID}&amp;b={new}" in page
    assert "ended with status 3" in page


def test_the_form_names_what_is_not_given_again(site: Site, browser: Browser, tmp_path: Path) -> None:
    launched(site, sys.executable, "x.py", cwd=tmp_path)

    page = browser.get(f"/runs/{RUN_ID}/rerun").text

    assert "BGB_LIMIT_FILES" in page
    assert "UNREAD" not in page


@pytest.mark.parametrize(
    ("argv", "cwd", "why"),
    [
        ((), "/", "does not hold the command line"),
        (("true",), "", "does not hold the command line"),
        (("true",), "/no/such/folder", "not there any more"),
        (("/venv/bin/modal", "shell", "app.py::train"), "/", "needs a terminal"),
        (("/no/such/program",), "/", "The program /no/such/program"),
    ],
)
def test_what_cannot_be_run_again_says_why(
    site: Site, browser: Browser, argv: tuple[str, ...], cwd: str, why: str
) -> None:
    launched(site, *argv, cwd=cwd)
    token = token_of(browser.get(f"/runs/{whole_run().run_id}/stop").text)

    assert why in browser.get(f"/runs/{RUN_ID}/rerun").text
    refused = browser.post(f"/runs/{RUN_ID}/rerun", {"token": token or "x"})
    assert refused.status in (403, 409)
    assert not (site.home.runs / "reruns").exists()


def test_a_call_is_not_run_again(site: Site, browser: Browser) -> None:
    site.records.runs = [replace(whole_run(), kind="call")]

    assert "call it again" in browser.get(f"/runs/{RUN_ID}/rerun").text


@pytest.mark.parametrize("name", ["re-x", "..%2f..%2fstate.db", "re-" + "a" * 22])
def test_no_other_file_is_shown_as_output(browser: Browser, name: str) -> None:
    assert browser.get(f"/reruns/{name}").status == 404


def test_a_process_that_goes_on_is_said(site: Site, browser: Browser, tmp_path: Path) -> None:
    launched(site, sys.executable, "-c", "import time; time.sleep(2)", cwd=tmp_path)
    before = time.monotonic()

    path = run_again(browser)

    assert "The command goes on" in browser.get(path).text
    ended(browser, path)
    assert time.monotonic() - before > 1


def test_a_command_line_that_held_a_secret_is_not_run_without_it(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    launched(site, sys.executable, "-c", "open('ran', 'w')", "--token", "<masked>", cwd=tmp_path)
    page = browser.get(f"/runs/{RUN_ID}/rerun").text
    assert "held a secret" in page
